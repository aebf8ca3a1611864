import type { z } from 'zod';
import { PayflowError } from '../../domain/errors.ts';

/** One fault of a request, as clients of the first version know it. */
export interface Detail {
  readonly loc: (string | number)[];
  readonly msg: string;
  readonly type: string;
}

export class InvalidRequest extends PayflowError {
  override readonly name = 'InvalidRequest';
  readonly details: readonly Detail[];

  constructor(details: readonly Detail[]) {
    const field = details[0]?.loc.slice(1).join('.');
    super('invalid_request', field === undefined || field === '' ? {} : { field });
    this.details = details;
  }
}

const DETAILS_MAX = 20;
/** A property's name comes from the client: this much of it is repeated to him. */
const NAME_LENGTH_MAX = 64;

/** Names what is wrong and where, and never repeats a value: it might be a card number. */
export function detailsOf(where: 'body' | 'query', error: z.ZodError): Detail[] {
  return error.issues.flatMap((issue) => detailsOfIssue(where, issue)).slice(0, DETAILS_MAX);
}

function detailsOfIssue(where: string, issue: z.core.$ZodIssue): Detail[] {
  const loc = [where, ...issue.path.map((part) => (typeof part === 'number' ? part : short(String(part))))];
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      loc: [...loc, short(key)],
      msg: 'Extra inputs are not permitted',
      type: 'extra_forbidden',
    }));
  }
  // zod says what it received only in words; a missing property is the one case worth its own type.
  if (issue.code === 'invalid_type' && issue.message.endsWith('received undefined')) {
    return [{ loc, msg: 'Field required', type: 'missing' }];
  }
  // Several keys of a record can be wrong for the same reason; its message names types and limits only.
  return [{ loc, msg: issue.message, type: issue.code }];
}

function short(name: string): string {
  return name.length > NAME_LENGTH_MAX ? `${name.slice(0, NAME_LENGTH_MAX)}…` : name;
}

import { z } from 'zod';
import type { Page } from '../db/list-page.ts';
import { PayflowError } from '../domain/errors.ts';
import type { ApiContext } from './context.ts';

const PAGE_SIZE_MAX = 100;
const SKIP_MAX = 10_000;
const UNIX_SECONDS = /^\d{1,11}$/;

const size = z.coerce.number().int().min(1).max(PAGE_SIZE_MAX);
const cursor = z.string().min(1).optional();

/** What every list of refs takes in its query; `count` and `skip` are what Razorpay's clients send. */
export const pageFields = {
  limit: size.optional().meta({ description: `At most ${PAGE_SIZE_MAX}, which is the default.` }),
  starting_after: cursor.meta({ description: 'The ref that the page before ended with.' }),
  ending_before: cursor.meta({ description: 'The ref that the page after begins with.' }),
  count: size.optional().meta({ description: 'The same as `limit`.' }),
  skip: z.coerce.number().int().min(0).max(SKIP_MAX).default(0),
};

/** ISO 8601 or Unix seconds; becomes ISO 8601. */
export const moment = z
  .union([z.iso.datetime({ offset: true }), z.string().regex(UNIX_SECONDS)], {
    error: 'Must be ISO 8601 with a zone, or Unix seconds',
  })
  .transform((text) => new Date(UNIX_SECONDS.test(text) ? Number(text) * 1_000 : text).toISOString())
  .optional()
  .meta({ description: 'ISO 8601 with a zone, or Unix seconds.' });

interface PageQuery {
  readonly limit?: number | undefined;
  readonly count?: number | undefined;
  readonly starting_after?: string | undefined;
  readonly ending_before?: string | undefined;
  readonly skip: number;
}

export function pageOf(query: PageQuery): Page {
  if (query.starting_after !== undefined && query.ending_before !== undefined) {
    throw new PayflowError('invalid_cursor', {
      text: 'Use starting_after or ending_before, not both',
      field: 'ending_before',
    });
  }
  return {
    limit: query.limit ?? query.count ?? PAGE_SIZE_MAX,
    startingAfter: query.starting_after ?? null,
    endingBefore: query.ending_before ?? null,
    skip: query.skip,
  };
}

export function invalidCursor({ endingBefore }: Page): PayflowError {
  return new PayflowError('invalid_cursor', {
    field: endingBefore === null ? 'starting_after' : 'ending_before',
  });
}

/** The headers of a page: whether there is more in its direction, and where. */
export function pageHeaders(
  ctx: ApiContext,
  { refs, more }: { refs: readonly string[]; more: boolean },
): Record<string, string> {
  const backwards = ctx.query['ending_before'] !== undefined;
  const ref = backwards ? refs[0] : refs.at(-1);
  if (!more || ref === undefined) return { 'PayFlow-Has-More': 'false' };
  const query = new URLSearchParams(ctx.querystring);
  // The cursor stands after what was skipped.
  query.delete('skip');
  query.set(backwards ? 'ending_before' : 'starting_after', ref);
  const rel = backwards ? 'prev' : 'next';
  return { 'PayFlow-Has-More': 'true', Link: `<${ctx.path}?${query.toString()}>; rel="${rel}"` };
}

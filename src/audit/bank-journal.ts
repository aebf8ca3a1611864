import { z } from 'zod';
import type { JournalEntry } from './order-records.ts';

const PAGE_ROWS = 1_000;
const REQUEST_MS_MAX = 30_000;

const page = z.array(
  z.object({
    id: z.number().int(),
    at: z.iso.datetime(),
    kind: z.enum(['authorize', 'capture', 'void', 'refund', 'abandon']),
    key: z.string(),
    order_ref: z.string().nullable(),
    amount: z.number().int(),
    currency: z.string().nullable(),
  }),
);

/** The bank's journal after an id, page by page, ascending. */
export type ReadJournal = (after: number) => AsyncIterable<readonly JournalEntry[]>;

/** The bank did not answer, or answered something else than its journal. */
export class BankSilent extends Error {
  override readonly name = 'BankSilent';
}

interface BankAddress {
  readonly url: string;
  readonly apiKey: string;
  readonly pageRows?: number;
}

/** Over HTTP; throws BankSilent. */
export function createJournalReader({ url, apiKey, pageRows = PAGE_ROWS }: BankAddress): ReadJournal {
  return async function* (after) {
    for (let last = after; ;) {
      const entries = await readPage(`${url}/journal?after=${last}&limit=${pageRows}`, apiKey);
      const end = entries.at(-1);
      if (end === undefined) return;
      yield entries;
      if (entries.length < pageRows) return;
      last = end.id;
    }
  };
}

async function readPage(address: string, apiKey: string): Promise<readonly JournalEntry[]> {
  try {
    const response = await fetch(address, {
      headers: { authorization: `Bearer ${apiKey}` },
      signal: AbortSignal.timeout(REQUEST_MS_MAX),
    });
    if (!response.ok) throw new Error(`it answered ${response.status}`);
    return entriesOf(await response.json());
  } catch (error) {
    throw new BankSilent(`The bank's journal at ${address} cannot be read: ${whyNot(error)}.`, {
      cause: error,
    });
  }
}

function entriesOf(answer: unknown): readonly JournalEntry[] {
  const { success, data, error } = page.safeParse(answer);
  if (success) return data;
  // One will do: what is not a journal at all has a fault in each line.
  const faults = error.issues.slice(0, 1).map(({ path, message }) => [...path, message].join(': '));
  throw new Error(`it answered something else (${faults.join()})`);
}

/** A fetch that fails says why in its cause; where it tried several addresses, in the cause's code alone. */
function whyNot(error: unknown): string {
  const { message, cause } = error as { message: string; cause?: { message?: string; code?: string } };
  return [message, cause?.message || cause?.code].filter((text) => text !== undefined).join(', ');
}

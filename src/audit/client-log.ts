import { createReadStream } from 'node:fs';
import { z } from 'zod';

const ANSWERS_PER_BATCH = 1_000;
/** A line is an answer, not a document. */
const LINE_CHARACTERS_MAX = 16_384;
const GRANTED_MAX = 299;

/** Refs, keys and reasons are visible ASCII. */
const word = z
  .string()
  .regex(/^[\x20-\x7e]{1,255}$/)
  .nullable()
  .default(null);
const amount = z.int().min(0).nullable().default(null);

/** Nothing beside these: a field with a slip in its name would never be compared, and nobody would notice. */
const answer = z
  .strictObject({
    at: z.iso.datetime({ offset: true }),
    kind: z.enum(['create', 'pay', 'capture', 'void', 'refund']),
    status: z.int().min(100).max(599),
    order_ref: word,
    idempotency_key: word,
    payment_ref: word,
    payment_status: z
      .enum(['created', 'authorized', 'captured', 'refunded', 'failed'])
      .nullable()
      .default(null),
    refund_ref: word,
    refund_status: z.enum(['pending', 'processed', 'failed']).nullable().default(null),
    amount,
    amount_captured: amount,
    reason: word,
  })
  .refine(({ status, order_ref }) => status > GRANTED_MAX || order_ref !== null, {
    error: 'required where the request was granted',
    path: ['order_ref'],
  });

/** One answered request as a client wrote it down; the names are those of the answer's own fields. */
export type ClientAnswer = z.output<typeof answer> & {
  /** The file and the number of the line. */
  readonly source: string;
};

/** A client's log, batch by batch, in its order. */
export type ReadClientLog = () => AsyncIterable<readonly ClientAnswer[]>;

/** A line that cannot be understood, or a file that cannot be read. */
export class UnreadableLog extends Error {
  override readonly name = 'UnreadableLog';
}

/** JSON lines, file after file; throws UnreadableLog. */
export function createClientLogReader(files: readonly string[]): ReadClientLog {
  return async function* () {
    for (const file of files) yield* readFile(file);
  };
}

async function* readFile(file: string): AsyncGenerator<readonly ClientAnswer[]> {
  let batch: ClientAnswer[] = [];
  let number = 0;
  for await (const line of linesOf(file)) {
    const source = `${file}:${++number}`;
    if (line.length > LINE_CHARACTERS_MAX) {
      throw new UnreadableLog(`${source} is longer than ${LINE_CHARACTERS_MAX} characters.`);
    }
    if (line.trim() === '') continue;
    batch.push(answerOf(line, source));
    if (batch.length < ANSWERS_PER_BATCH) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

async function* linesOf(file: string): AsyncGenerator<string> {
  let rest = '';
  try {
    for await (const chunk of createReadStream(file, 'utf8')) {
      const lines = (rest + String(chunk)).split('\n');
      rest = lines.pop() ?? '';
      yield* lines;
      // What is longer is no line: it is left to be refused, and not collected any further.
      if (rest.length > LINE_CHARACTERS_MAX) break;
    }
  } catch (error) {
    throw new UnreadableLog(`The client's log ${file} cannot be read: ${(error as Error).message}.`, {
      cause: error,
    });
  }
  if (rest !== '') yield rest;
}

function answerOf(line: string, source: string): ClientAnswer {
  const parsed = answer.safeParse(jsonOf(line, source));
  if (parsed.success) return { ...parsed.data, source };
  const faults = parsed.error.issues.map(({ path, message }) => [...path, message].join(': '));
  throw new UnreadableLog(`${source} is no answer to a request: ${faults.join('; ')}.`);
}

function jsonOf(line: string, source: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw new UnreadableLog(`${source} is not JSON: ${(error as Error).message}.`, { cause: error });
  }
}

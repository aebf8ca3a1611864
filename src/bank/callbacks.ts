import { createHmac } from 'node:crypto';
import type { Pool } from 'pg';
import { Agent, request } from 'undici';
import type { FaultBox } from './faults.ts';
import { COLUMNS, type Operation, presentOutcome } from './operations.ts';

export interface CallbackDeps {
  readonly pool: Pool;
  readonly faults: FaultBox;
  readonly target: { readonly url: string; readonly secret: string };
  readonly publicUrl: string;
  readonly retryMs: number;
}

interface QueuedCallback extends Operation {
  readonly number: number;
  readonly id: string;
  readonly at: Date;
  readonly attempts: number;
  readonly dueForMs: number;
}

const BATCH_MAX = 50;
const ATTEMPTS_MAX = 6;
const RETRY_GROWTH = 4;
const POST_MS = 5_000;
/** Long enough for a few more to come, so that there is an order to turn round. */
const REORDER_MS = 400;

/** Sends what is due and returns. The queue is in the database: what a crash interrupts is sent again. */
export function createCallbackSender(deps: CallbackDeps): {
  sendDue: (signal: AbortSignal) => Promise<void>;
  close: () => Promise<void>;
} {
  const agent = new Agent({ headersTimeout: POST_MS, bodyTimeout: POST_MS });
  return {
    sendDue: async (signal) => {
      let sent: number;
      do sent = await sendBatch(deps, { agent, signal });
      while (sent === BATCH_MAX && !signal.aborted);
    },
    close: () => agent.destroy(),
  };
}

/** How many were sent, with or without success. */
async function sendBatch(deps: CallbackDeps, line: Line): Promise<number> {
  const due = await readDue(deps.pool);
  // Looked at after the rows: a fault that was set before they were written is in force for them.
  const { callbacks_off: off, reorder_callbacks: newestFirst = false } = deps.faults.current();
  const [oldest] = due;
  if (oldest === undefined || off === true) return 0;
  if (newestFirst && oldest.dueForMs < REORDER_MS) return 0;
  const finished = await sendAll(deps, due, { ...line, newestFirst });
  await remove(deps.pool, finished);
  return due.length;
}

async function readDue(pool: Pool): Promise<QueuedCallback[]> {
  const { rows } = await pool.query<QueuedCallback>({
    name: 'read_due_callbacks',
    text: `select number, id, at, attempts, ${COLUMNS},
        (extract(epoch from now() - next_at) * 1000)::double precision as "dueForMs"
      from (select * from callbacks where next_at <= now() order by number limit $1) as due
      join operations using (key) order by number`,
    values: [BATCH_MAX],
  });
  return rows;
}

/** The numbers of those that need not be sent again. */
async function sendAll(
  deps: CallbackDeps,
  due: readonly QueuedCallback[],
  { newestFirst, ...line }: Line & { newestFirst: boolean },
): Promise<number[]> {
  const finished: number[] = [];
  const sendOne = async (callback: QueuedCallback) => {
    if (await send(deps, callback, line)) finished.push(callback.number);
  };
  if (newestFirst) for (const callback of due.toReversed()) await sendOne(callback);
  else await Promise.all(due.map(sendOne));
  return finished;
}

interface Line {
  readonly agent: Agent;
  readonly signal: AbortSignal;
}

async function send(deps: CallbackDeps, callback: QueuedCallback, line: Line): Promise<boolean> {
  const body = JSON.stringify({
    id: callback.id,
    key: callback.key,
    kind: callback.kind,
    outcome: presentOutcome(callback, deps.publicUrl),
    at: callback.at.toISOString(),
  });
  const delivered = await post(deps.target, body, line);
  if (delivered && deps.faults.current().duplicate_callbacks === true) await post(deps.target, body, line);
  if (delivered || line.signal.aborted) return delivered;
  if (callback.attempts + 1 >= ATTEMPTS_MAX) return true;
  await postpone(deps.pool, callback.number, deps.retryMs * RETRY_GROWTH ** callback.attempts);
  return false;
}

async function post(
  { url, secret }: CallbackDeps['target'],
  body: string,
  { agent, signal }: Line,
): Promise<boolean> {
  try {
    const answer = await request(url, {
      dispatcher: agent,
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-bank-signature': createHmac('sha256', secret).update(body).digest('hex'),
      },
      body,
      signal,
    });
    await answer.body.dump();
    return answer.statusCode >= 200 && answer.statusCode < 300;
  } catch {
    // Whatever broke, the callback is tried again; a caller that never hears of it can ask.
    return false;
  }
}

async function remove(pool: Pool, numbers: readonly number[]): Promise<void> {
  await pool.query({
    name: 'remove_callbacks',
    text: 'delete from callbacks where number = any($1::bigint[])',
    values: [numbers],
  });
}

async function postpone(pool: Pool, number: number, ms: number): Promise<void> {
  await pool.query({
    name: 'postpone_callback',
    text: `update callbacks set attempts = attempts + 1,
        next_at = now() + $2::double precision * interval '1 millisecond'
      where number = $1`,
    values: [number, ms],
  });
}

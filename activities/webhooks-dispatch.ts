import { setTimeout as sleep } from 'node:timers/promises';
import { ApplicationFailure, Context } from '@temporalio/activity';
import { claimPending, releasePending } from '../src/db/deliveries.ts';
import { claimRetries } from '../src/db/delivery-retries.ts';
import { createDeliveries, listenForOutbox } from '../src/db/outbox.ts';
import { firstTry, newRun, startRetry, writeResults, type DispatchDeps, type Run } from './webhooks-run.ts';

/** Most of the time they wait for slow receivers; the hold keeps dead ones from filling it. */
const POSTS_MAX = 128;
const POSTS_PER_ENDPOINT_MAX = 8;
const OUTBOX_ROWS_MAX = 200;
const RETRY_STARTS_MAX = 16;
/** Without any notice. */
const LOOK_MS = 1_000;
/** Under load, what happens within this time is written and claimed in one statement each. */
const PASS_MS_MIN = 50;
const HEARTBEAT_MS = 1_000;
/** A dispatcher that gets nowhere for so long stops its heartbeat, so that another one is started. */
const STALL_MS_MAX = 30_000;
/** POSTs under way when we hand over have so long to end; the others are cut off and made again. */
const HANDOVER_MS = 500;

/**
 * First tries of all deliveries, until the process or the workflow is asked to end, or something
 * fails: it ends with an error, and Temporal starts it again, here or elsewhere. Nothing is kept
 * that the tables do not know. Where it fails, the leases of what was under way are left to run out:
 * were they given back, a fault that comes every time would post to merchants twice a second.
 */
export async function dispatch(deps: DispatchDeps): Promise<never> {
  const context = Context.current();
  const run = newRun(deps);
  const signals = [context.cancellationSignal, deps.stopping];
  signals.forEach((signal) => signal.addEventListener('abort', run.bell.ring));
  const heartbeat = setInterval(() => {
    if (Date.now() - run.passedAt < STALL_MS_MAX) context.heartbeat();
  }, HEARTBEAT_MS);
  try {
    await runUntil(run, () => signals.some((signal) => signal.aborted));
    await handOver(run);
  } finally {
    run.cut.abort();
    clearInterval(heartbeat);
    signals.forEach((signal) => signal.removeEventListener('abort', run.bell.ring));
  }
  // The workflow was cancelled. All else (a worker that shuts down, a pause) is a failure to be tried again.
  if (context.cancellationDetails?.cancelRequested) return context.cancelled;
  throw ApplicationFailure.create({ type: 'HandingOver', message: 'handing over', category: 'BENIGN' });
}

async function runUntil(run: Run, stopped: () => boolean): Promise<void> {
  const seen = { outboxChanged: true, lost: null as Error | null, lookedAt: 0 };
  const listener = await listenForOutbox(run.deps.pool, {
    onNotify: () => {
      seen.outboxChanged = true;
      run.bell.ring();
    },
    onLost: (error) => {
      seen.lost = error;
      run.bell.ring();
    },
  });
  try {
    while (!stopped()) {
      if (seen.lost !== null) throw seen.lost;
      const look = Date.now() - seen.lookedAt >= LOOK_MS;
      if (look) seen.lookedAt = Date.now();
      const outbox = look || seen.outboxChanged;
      // Before the pass: what is told during it is for the next one.
      seen.outboxChanged = false;
      const more = await pass(run, { outbox, retries: look });
      run.passedAt = Date.now();
      seen.outboxChanged ||= more;
      if (!seen.outboxChanged && !stopped()) await run.bell.wait(LOOK_MS);
      if (!stopped()) await sleep(Math.max(0, run.passedAt + PASS_MS_MIN - Date.now()));
    }
  } finally {
    listener.close();
  }
}

/** Does what there is to do now. True: the outbox holds more than one pass takes. */
async function pass(run: Run, look: { outbox: boolean; retries: boolean }): Promise<boolean> {
  const { pool, postsMax = POSTS_MAX, postsPerEndpointMax = POSTS_PER_ENDPOINT_MAX } = run.deps;
  await writeResults(run);
  const moved = look.outbox ? await createDeliveries(pool, OUTBOX_ROWS_MAX) : 0;
  const limit = postsMax - run.busy.size;
  if (limit > 0) {
    const limits = { limit, perEndpoint: postsPerEndpointMax, busy: countByEndpoint(run.busy) };
    for (const delivery of await claimPending(pool, limits)) void firstTry(run, delivery);
  }
  const starts = RETRY_STARTS_MAX - run.starting.size;
  if (look.retries && starts > 0) {
    for (const retry of await claimRetries(pool, starts)) void startRetry(run, retry);
  }
  return moved === OUTBOX_ROWS_MAX;
}

function countByEndpoint(busy: ReadonlyMap<string, string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const endpoint of busy.values()) counts.set(endpoint, (counts.get(endpoint) ?? 0) + 1);
  return counts;
}

/** Claims nothing more, gives what is under way a moment, and leaves the rest to the next one at once. */
async function handOver(run: Run): Promise<void> {
  const until = Date.now() + HANDOVER_MS;
  while (run.busy.size > 0 && Date.now() < until) {
    await writeResults(run);
    if (run.busy.size > 0) await run.bell.wait(until - Date.now());
  }
  run.cut.abort();
  await writeResults(run);
  await releasePending(run.deps.pool, [...run.busy.keys()]);
}

import { setMaxListeners } from 'node:events';
import { Context } from '@temporalio/activity';
import type pg from 'pg';
import { giveUpDeliveries, type DueDelivery } from '../src/db/deliveries.ts';
import { recordAttempts, type Attempt } from '../src/db/delivery-attempts.ts';
import { confirmRetries, type RetryDelivery } from '../src/db/delivery-retries.ts';
import { createBell, type Bell } from './bell.ts';
import { isPossible, makeAttempt, type AttemptDeps } from './webhooks-attempt.ts';

export interface DispatchDeps extends AttemptDeps {
  readonly pool: pg.Pool;
  /** Fired when this process is asked to end: the dispatcher hands over at once. */
  readonly stopping: AbortSignal;
  /** Sees to it that the delivery has its workflow. `ended`: it had one that is over. */
  readonly startRetry: (retry: RetryDelivery) => Promise<'started' | 'running' | 'ended'>;
  /** POSTs at once, in all. */
  readonly postsMax?: number;
  /** POSTs at once to one endpoint. */
  readonly postsPerEndpointMax?: number;
}

/** What one run of the dispatcher has in hand. All of it can be lost: leases bring it back. */
export interface Run {
  readonly deps: DispatchDeps;
  readonly bell: Bell;
  /** Cuts off what is under way. */
  readonly cut: AbortController;
  /** Delivery → endpoint, until its result is written and its retry, if it needs one, is started. */
  readonly busy: Map<string, string>;
  /** Ids whose workflows are being started. */
  readonly starting: Set<string>;
  /** For the next `writeResults`. */
  readonly tried: { delivery: DueDelivery; attempt: Attempt }[];
  readonly writtenOff: string[];
  readonly confirmed: string[];
  /** When the dispatcher last got through a round, epoch ms. */
  passedAt: number;
}

export function newRun(deps: DispatchDeps): Run {
  const cut = new AbortController();
  // Every POST listens to it: no leak to be warned of.
  setMaxListeners(0, cut.signal);
  return {
    deps,
    bell: createBell(),
    cut,
    busy: new Map(),
    starting: new Set(),
    tried: [],
    writtenOff: [],
    confirmed: [],
    passedAt: Date.now(),
  };
}

/** Never rejects: one delivery that cannot be made must not keep the others. */
export async function firstTry(run: Run, delivery: DueDelivery): Promise<void> {
  run.busy.set(delivery.id, delivery.endpointId);
  try {
    if (isPossible(delivery)) {
      const attempt = await makeAttempt(run.deps, delivery, run.cut.signal);
      // Cut off: it stays busy, and `handOver` gives it back.
      if (attempt !== null) run.tried.push({ delivery, attempt });
    } else {
      run.writtenOff.push(delivery.id);
    }
  } catch (error) {
    // A fault of ours. Its lease runs out, and it comes again.
    Context.current().log.error('webhook delivery cannot be tried', { deliveryId: delivery.id, error });
    run.busy.delete(delivery.id);
  }
  run.bell.ring();
}

/**
 * Writes what has come of tries since the last time, in batches that grow with the load. A failed
 * try is `retrying` in its row before its workflow is started; until the start is confirmed the row
 * has a lease, and whoever finds that run out starts it again, which an existing workflow refuses.
 */
export async function writeResults(run: Run): Promise<void> {
  const { pool } = run.deps;
  const tried = run.tried.splice(0);
  if (tried.length > 0) {
    const attempts = tried.map((each) => each.attempt);
    const changed = await recordAttempts(pool, { attempts, handOver: true });
    for (const { delivery, attempt } of tried) {
      if (attempt.outcome === 'retrying' && changed.has(delivery.id)) {
        void startRetry(run, retryOf(delivery, attempt));
      } else {
        run.busy.delete(delivery.id);
      }
    }
  }
  const writtenOff = run.writtenOff.splice(0);
  if (writtenOff.length > 0) await giveUpDeliveries(pool, writtenOff);
  const confirmed = run.confirmed.splice(0);
  if (confirmed.length > 0) await confirmRetries(pool, confirmed);
  for (const id of [...writtenOff, ...confirmed]) run.busy.delete(id);
}

function retryOf(delivery: DueDelivery, attempt: Attempt): RetryDelivery {
  const { id, eventId, endpointId, isResend, event } = delivery;
  const { targetUrl: url, delayMs } = attempt;
  return { id, eventId, endpointId, isResend, eventType: event.type, url, waitMs: delayMs ?? 0 };
}

/** Never rejects. */
export async function startRetry(run: Run, retry: RetryDelivery): Promise<void> {
  run.starting.add(retry.id);
  try {
    const found = await run.deps.startRetry(retry);
    // Ended by hand, or by its time-out, without a result: so ends the delivery.
    (found === 'ended' ? run.writtenOff : run.confirmed).push(retry.id);
  } catch (error) {
    // The lease runs out, and it is found again.
    Context.current().log.warn('webhook retry was not started', { deliveryId: retry.id, error });
    run.busy.delete(retry.id);
  }
  run.starting.delete(retry.id);
  run.bell.ring();
}

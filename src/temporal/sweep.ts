import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { Logger } from 'pino';
import { openCommands } from '../db/commands.ts';
import type { OrderLabel } from '../db/orders.ts';
import { claimDueOrders, releaseOrder, takeCallbacks } from '../db/sweep.ts';
import type { OrderEngine } from './orders.ts';

interface Deps {
  readonly pool: pg.Pool;
  readonly engine: OrderEngine;
  readonly logger: Logger;
  /** Rejects while the engine cannot be asked. */
  readonly engineReady: () => Promise<unknown>;
  /** Starts `webhook-dispatcher` where it does not run. */
  readonly ensureDispatcher: () => Promise<unknown>;
}

const LOOK_MS = 1_000;
const ORDERS_AT_ONCE = 8;
const DISPATCHER_EVERY_LOOKS = 15;

/**
 * Looks after what was lost: commands that nobody answers, orders that are overdue, callbacks whose
 * order does not know yet, a dispatcher that is gone. Runs in every worker until `signal` aborts;
 * leases keep two sweeps from the same order.
 */
export async function runSweep(deps: Deps, signal: AbortSignal): Promise<void> {
  for (let look = 0; !signal.aborted; look += 1) {
    try {
      // Before anything is claimed: each try that fails makes the order wait longer for the next one, and
      // an engine that is away for a minute would leave its payers waiting for another one after it.
      await deps.engineReady();
      await wakeAll(deps, await takeCallbacks(deps.pool));
      await Promise.all(
        (await claimDueOrders(deps.pool, ORDERS_AT_ONCE)).map((order) => lookAfter(deps, order)),
      );
      if (look % DISPATCHER_EVERY_LOOKS === 0) await deps.ensureDispatcher();
    } catch (error) {
      // Postgres or the engine is away: the next look finds the same rows.
      deps.logger.warn({ err: error }, 'sweep: this look failed');
    }
    await sleep(LOOK_MS, undefined, { signal }).catch(() => {});
  }
}

async function wakeAll(deps: Deps, orders: readonly OrderLabel[]): Promise<void> {
  for (let first = 0; first < orders.length; first += ORDERS_AT_ONCE) {
    await Promise.all(orders.slice(first, first + ORDERS_AT_ONCE).map((order) => wake(deps, order)));
  }
}

async function wake({ engine, logger }: Deps, order: OrderLabel): Promise<void> {
  try {
    await engine.wake(order);
  } catch (error) {
    // `due_at` wakes it without the callback.
    logger.warn({ err: error, order_ref: order.orderRef }, 'sweep: not woken');
  }
}

async function lookAfter({ pool, engine, logger }: Deps, order: OrderLabel): Promise<void> {
  try {
    const commands = await openCommands(pool, order.orderRef);
    logger.info({ order_ref: order.orderRef, commands: commands.length }, 'sweep: looking after an order');
    for (const command of commands) await engine.drive(order, command);
    if (commands.length === 0) await engine.wake(order);
    else await releaseOrder(pool, order.orderRef);
  } catch (error) {
    // The lease runs out and the order comes again, later each time.
    logger.warn({ err: error, order_ref: order.orderRef }, 'sweep: not settled');
  }
}

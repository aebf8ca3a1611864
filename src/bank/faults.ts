import { setTimeout as pause } from 'node:timers/promises';
import type { Middleware } from 'koa';
import { z } from 'zod';
import { BankRefusal } from './refusal.ts';
import { dropLine } from './line.ts';

const OPERATIONS = ['tokenize', 'authorize', 'capture', 'void', 'refund', 'lookup', 'abandon'] as const;
export type FaultyOperation = (typeof OPERATIONS)[number];

const LATENCY_MS_MAX = 120_000;
const DROPS_MAX = 1_000_000;
const ORDER_REFS_MAX = 1_000;
/** Test mode promises that a late success comes within a minute. */
const LATE_SUCCESS_MS_MAX = 59_000;

const rate = z.number().min(0).max(1);

export const faultsSchema = z
  .strictObject({
    /** Waited for before anything else. */
    latency_ms: z.number().int().min(0).max(LATENCY_MS_MAX),
    /** Answered with 500 before any effect. */
    error_rate: rate,
    /** The effect happens, then the line breaks. */
    drop_rate: rate,
    /** The same, for the next so many calls. */
    drop_next: z.number().int().min(0).max(DROPS_MAX),
    /** Each callback is sent twice. */
    duplicate_callbacks: z.boolean(),
    /** Callbacks are held back for a moment and sent newest first. */
    reorder_callbacks: z.boolean(),
    /** What happens in the meantime is never told. */
    callbacks_off: z.boolean(),
    /** Every call but /faults and /health gets 503. */
    down: z.boolean(),
    late_success_ms: z.number().int().min(0).max(LATE_SUCCESS_MS_MAX),
    /** Limits the first four to these. */
    operations: z.array(z.enum(OPERATIONS)),
    /** The same, to calls that name one of these orders. */
    order_refs: z.array(z.string()).max(ORDER_REFS_MAX),
  })
  .partial();
export type Faults = z.infer<typeof faultsSchema>;

export interface FaultBox {
  current(): Faults;
  /** Adds to the current ones; what is not named stays. */
  set(faults: Faults): void;
  clear(): void;
  /** The faults of one kind of call, around its handler. */
  around(operation: FaultyOperation): Middleware;
}

/** In memory: a restart of the bank clears them. */
export function createFaults(closing: AbortSignal): FaultBox {
  let faults: Faults = {};
  const takeDrop = () => {
    if (faults.drop_next !== undefined && faults.drop_next > 0) {
      faults = { ...faults, drop_next: faults.drop_next - 1 };
      return true;
    }
    return happens(faults.drop_rate);
  };
  return {
    current: () => faults,
    set: (more) => {
      faults = { ...faults, ...more };
    },
    clear: () => {
      faults = {};
    },
    around: (operation) => async (ctx, next) => {
      const { latency_ms: latencyMs, error_rate: errorRate } = faults;
      if (!isMeant(faults, operation, ctx.request.body)) return next();
      // Also when the caller hangs up: its call then arrives late, as on a slow line.
      if (latencyMs !== undefined) await pauseUnlessClosing(latencyMs, closing);
      if (happens(errorRate)) throw new BankRefusal(500, 'fault_on_demand');
      const drop = takeDrop();
      await next();
      if (drop) dropLine(ctx);
    },
  };
}

function isMeant({ operations, order_refs: orderRefs }: Faults, operation: FaultyOperation, body: unknown) {
  if (operations !== undefined && !operations.includes(operation)) return false;
  if (orderRefs === undefined) return true;
  const { order_ref: orderRef } = (body ?? {}) as { order_ref?: unknown };
  return typeof orderRef === 'string' && orderRefs.includes(orderRef);
}

async function pauseUnlessClosing(ms: number, closing: AbortSignal): Promise<void> {
  try {
    await pause(ms, undefined, { signal: closing });
  } catch {
    throw new BankRefusal(503, 'closing');
  }
}

function happens(probability: number | undefined): boolean {
  return probability !== undefined && Math.random() < probability;
}

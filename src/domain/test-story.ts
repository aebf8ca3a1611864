import type {
  CaptureCommand,
  DecideReviewCommand,
  Facts,
  Instruction,
  Obligation,
  PayCommand,
  RefundCommand,
  RepairCommand,
  Reply,
  VoidCommand,
} from './commands.ts';
import { decide } from './decide.ts';
import type { EventData, EventType, OrderEvent } from './events.ts';
import type { FraudSignals } from './fraud.ts';
import { obligations } from './agenda.ts';
import { fold, type Order } from './order.ts';
import type { NextAction } from './outcome.ts';
import type { Phase } from './payment.ts';

/** For the tests of this folder: orders that got where they are by events alone. */

export const T0 = Date.UTC(2026, 10, 24, 9, 0, 0);
export const SECOND = 1_000;
export const HOUR = 3_600 * SECOND;
export const DAY = 24 * HOUR;

export const ORDER = `pf_order_${'a'.repeat(20)}`;
export const P1 = payRef(1);
export const P2 = payRef(2);
export const R1 = `pf_rfnd_${'1'.padStart(20, 'c')}`;
export const R2 = `pf_rfnd_${'2'.padStart(20, 'c')}`;

export const APPROVED = { type: 'approved', reference: 'bnk_1' } as const;
export const DECLINED = { type: 'declined', reason: 'insufficient_funds', reference: null } as const;
export const PENDING = { type: 'pending', reference: 'bnk_1' } as const;
export const UNKNOWN = { type: 'unknown', cause: 'timeout' } as const;
export const NOT_FOUND = { type: 'not_found' } as const;
export const ACTION: NextAction = {
  type: 'redirect',
  url: 'https://bank.example/3ds',
  intentUrl: null,
  expiresAt: T0 + 900 * SECOND,
};
export const REQUIRES_ACTION = { type: 'requires_action', reference: 'bnk_1', action: ACTION } as const;

export function payRef(n: number): string {
  return `pf_pay_${n.toString(16).padStart(20, 'b')}`;
}

export function event<T extends EventType>(
  seq: number,
  type: T,
  data: EventData[T],
  at = T0 + seq,
): OrderEvent {
  return { seq, at, type, data } as OrderEvent;
}

/** 499.00 INR, captured at once, 30 minutes to pay. */
export function created(change: Partial<EventData['order.created']> = {}): OrderEvent {
  return event(
    1,
    'order.created',
    {
      id: '0a000000-0000-7000-8000-000000000000',
      merchantId: '0b000000-0000-7000-8000-000000000000',
      amount: 49_900,
      currency: 'INR',
      captureMode: 'automatic',
      captureWindowMs: 5 * DAY,
      source: 'api',
      expiresAt: T0 + 1_800 * SECOND,
      ...change,
    },
    T0,
  );
}

export function newOrder(change: Partial<EventData['order.created']> = {}): Order {
  return fold(ORDER, [created(change)]);
}

export const MANUAL = { captureMode: 'manual' } as const;

export interface Told {
  readonly order: Order;
  readonly events: readonly OrderEvent[];
  readonly reply: Reply | null;
}

/** One decision, folded: a second after whatever was last. */
export function tell(order: Order, instruction: Instruction, facts: Partial<Facts> = {}): Told {
  const { events, reply } = decide(order, instruction, { at: order.updatedAt + SECOND, ...facts });
  return { events, reply, order: fold(order.ref, events, order) };
}

export function typesOf({ events }: { events: readonly OrderEvent[] }): string[] {
  return events.map(({ type }) => type);
}

/** News about the only thing, or the `nth`, that is owed. */
export function news(order: Order, facts: Partial<Facts>, nth = 0): Told {
  return tell(order, { kind: 'progress', obligation: owed(order)[nth]! }, facts);
}

export function owed(order: Order): Obligation[] {
  return obligations(order);
}

// ── Commands ────────────────────────────────────────────────────────────────────────────────────

export const QUIET: FraudSignals = {
  sameAmount: 0,
  attempts: 0,
  merchantPayments: 0,
  vpaValid: true,
  actions: {},
};
export const REVIEW: FraudSignals = { ...QUIET, sameAmount: 1, actions: { duplicate_amount: 'review' } };
export const BLOCK: FraudSignals = { ...QUIET, sameAmount: 1, actions: { duplicate_amount: 'block' } };

const base = (id: string) => ({ id, acceptedAt: T0 + SECOND });

export function pay(n = 1, change: Partial<PayCommand> = {}): PayCommand {
  return {
    ...base(`pay-${n}`),
    kind: 'pay',
    paymentId: `0d000000-0000-7000-8000-${(n * 16).toString(16).padStart(12, '0')}`,
    paymentRef: payRef(n),
    method: 'upi',
    signals: QUIET,
    ...change,
  };
}
export function capture(change: Partial<CaptureCommand> = {}): CaptureCommand {
  return { ...base('capture-1'), kind: 'capture', paymentRef: P1, amount: null, ...change };
}
export function voidOf(change: Partial<VoidCommand> = {}): VoidCommand {
  return { ...base('void-1'), kind: 'void', paymentRef: P1, ...change };
}
export function refund(change: Partial<RefundCommand> = {}): RefundCommand {
  const refundId = '0e000000-0000-7000-8000-000000000001';
  return {
    ...base('refund-1'),
    kind: 'refund',
    paymentRef: P1,
    refundId,
    refundRef: R1,
    amount: null,
    ...change,
  };
}
export function secondRefund(change: Partial<RefundCommand> = {}): RefundCommand {
  return refund({
    id: 'refund-2',
    refundRef: R2,
    refundId: '0e000000-0000-7000-8000-000000000002',
    ...change,
  });
}
export function review(approve: boolean): DecideReviewCommand {
  return { ...base('review-1'), kind: 'decide_review', paymentRef: P1, approve, by: 'ops@payflow' };
}
export function repair(action: RepairCommand['action'], change: Partial<RepairCommand> = {}): RepairCommand {
  const nothing = { reference: null, until: null };
  return {
    ...base('repair-1'),
    kind: 'repair',
    paymentRef: P1,
    action,
    ...nothing,
    by: 'ops@payflow',
    ...change,
  };
}

// ── An order with its first payment in each phase ───────────────────────────────────────────────

const paid = (facts: Partial<Facts>, order = newOrder(), change: Partial<PayCommand> = {}): Order =>
  tell(order, pay(1, change), facts).order;

export const IN_PHASE: Readonly<Record<Phase, () => Order>> = {
  // Never stored: the same decision always goes on.
  submitted: () =>
    fold(ORDER, [
      created(),
      event(2, 'payment.submitted', {
        paymentRef: P1,
        id: pay().paymentId,
        commandId: pay().id,
        amount: 49_900,
        method: 'upi',
        flags: [],
        review: false,
        acceptedAt: T0,
      }),
    ]),
  awaiting_customer: () => paid({ authorize: REQUIRES_ACTION }),
  unknown: () => paid({ authorize: UNKNOWN }),
  abandoning: () => paid({ authorize: NOT_FOUND }),
  authorized: () => paid({ authorize: APPROVED }, newOrder(MANUAL)),
  in_review: () => paid({ authorize: APPROVED }, newOrder(), { signals: REVIEW }),
  capturing: () => paid({ authorize: APPROVED, capture: UNKNOWN }),
  voiding: () => tell(IN_PHASE.authorized(), voidOf(), { void: UNKNOWN }).order,
  captured: () => paid({ authorize: APPROVED, capture: APPROVED }),
  refunded: () => tell(IN_PHASE.captured(), refund(), { refund: APPROVED }).order,
  voided: () => tell(IN_PHASE.authorized(), voidOf(), { void: APPROVED }).order,
  failed: () => paid({ authorize: DECLINED }),
};

/** Waits for its payer no more: a second payment has taken its place and is at the bank. */
export function supersededBy(
  second: Partial<Facts>,
  change: Partial<EventData['order.created']> = {},
): Order {
  const waiting = paid({ authorize: REQUIRES_ACTION }, newOrder(change));
  const given = tell(waiting, { kind: 'give_up', paymentRef: P1, reason: 'payment_cancelled' }).order;
  return tell(given, pay(2), second).order;
}

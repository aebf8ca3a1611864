import type { Obligation } from './commands.ts';
import type { Reason } from './errors.ts';
import { hasRefund, holderOf, type Order } from './order.ts';
import type { Payment } from './payment.ts';

/** What happens to an order by itself: the errands at the bank that are open, and the next deadline. */

/** The money errands that are open: derived from the phases, so that none can be forgotten. */
export function obligations(order: Order): Obligation[] {
  return [
    ...Object.values(order.payments).flatMap((payment) => paymentObligation(order, payment)),
    ...Object.values(order.refunds).flatMap((refund): Obligation[] =>
      refund.status === 'pending'
        ? [
            {
              kind: 'refund',
              paymentRef: refund.paymentRef,
              ref: refund.ref,
              key: refund.key,
              since: refund.createdAt,
            },
          ]
        : [],
    ),
  ];
}

function paymentObligation(order: Order, payment: Payment): Obligation[] {
  const base = { paymentRef: payment.ref, ref: payment.ref };
  const authorizeKey = bankKey(payment.commandId, 'authorize');
  switch (payment.phase) {
    case 'unknown':
      return [{ kind: 'resolve', ...base, key: authorizeKey, since: payment.since }];
    case 'awaiting_customer':
      return [{ kind: 'await_payer', ...base, key: authorizeKey, since: payment.since }];
    case 'abandoning':
      return [{ kind: 'abandon', ...base, key: authorizeKey, since: payment.since }];
    case 'capturing':
      return [{ kind: 'capture', ...base, key: payment.capture.key, since: payment.since }];
    case 'voiding':
      // Captured after all: its refund is owed instead.
      if (hasRefund(order, payment)) return [];
      return [{ kind: 'void', ...base, key: payment.key, since: payment.since }];
    case 'submitted':
    case 'authorized':
    case 'in_review':
    case 'captured':
    case 'refunded':
    case 'voided':
    case 'failed':
      return [];
  }
}

/** The key of one bank step: the same at every repeat, so the bank does it once. */
export function bankKey(
  commandId: string,
  step: 'authorize' | 'capture' | 'void' | 'refund' | 'late_refund',
): string {
  return `${commandId}/${step}`;
}

export type Deadline = { readonly at: number } & (
  | { readonly kind: 'expire' }
  | { readonly kind: 'give_up'; readonly paymentRef: string; readonly reason: Reason }
  | { readonly kind: 'release'; readonly paymentRef: string; readonly reason: Reason }
);

/** The next thing that happens by itself if nobody does anything, or null when nothing does. */
export function nextDeadline(order: Order): Deadline | null {
  const due = Object.values(order.payments).flatMap((payment) => paymentDeadline(order, payment));
  const soonest = due.toSorted((a, b) => a.at - b.at)[0];
  if (soonest !== undefined) return soonest;
  const open = order.status === 'created' || order.status === 'attempted';
  // A payment in progress wins over the order's expiry: its own deadline comes first.
  if (!open || holderOf(order) !== undefined) return null;
  return { kind: 'expire', at: order.cancelRequested ? order.updatedAt : order.expiresAt };
}

function paymentDeadline(order: Order, payment: Payment): Deadline[] {
  const { ref: paymentRef } = payment;
  // What a cancelled order still has is due at once.
  const at = (time: number) => (order.cancelRequested ? order.updatedAt : time);
  const why = (reason: Reason): Reason => (order.cancelRequested ? 'order_cancelled' : reason);
  switch (payment.phase) {
    case 'awaiting_customer':
      return [
        {
          kind: 'give_up',
          paymentRef,
          at: at(payment.nextAction.expiresAt),
          reason: why('payment_timed_out'),
        },
      ];
    case 'authorized':
      return [
        {
          kind: 'release',
          paymentRef,
          at: at(payment.captureBefore),
          reason: why('capture_deadline_passed'),
        },
      ];
    case 'in_review':
      return [{ kind: 'release', paymentRef, at: at(payment.reviewBy), reason: why('review_timed_out') }];
    case 'submitted':
    case 'unknown':
    case 'abandoning':
    case 'capturing':
    case 'voiding':
    case 'captured':
    case 'refunded':
    case 'voided':
    case 'failed':
      return [];
  }
}

/** Nothing is owed and nothing is going to happen by itself: the run may end. */
export function isSettled(order: Order): boolean {
  return obligations(order).length === 0 && nextDeadline(order) === null;
}

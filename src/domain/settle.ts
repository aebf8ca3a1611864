import type { Facts } from './commands.ts';
import type { Draft } from './draft.ts';
import type { Reason } from './errors.ts';
import { bankKey } from './agenda.ts';
import { hasRefund, holderOf, isPayable, takenOf, type Order } from './order.ts';
import type { Approved, Declined, Lookup, Outcome } from './outcome.ts';
import type { Payment } from './payment.ts';
import { isHeld } from './refusals.ts';

/** What the bank's answers make of a payment, whenever they come. */

/** How long an operator has for a review, in ms. */
const REVIEW_MS = 24 * 60 * 60 * 1_000;

/** What the bank says about an authorization, in whatever phase its payment is by now. */
export function settle(draft: Draft, ref: string, outcome: Lookup, facts: Facts): void {
  const payment = draft.payment(ref);
  const { phase } = payment;
  if (phase !== 'submitted' && phase !== 'unknown' && phase !== 'awaiting_customer') return;
  const doubted = phase === 'unknown' || (phase === 'awaiting_customer' && payment.doubted);
  switch (outcome.type) {
    case 'approved':
      approve(draft, ref, outcome.reference, facts);
      return;
    case 'declined':
      // Of a payment that was once in doubt "declined" is not the end: only a confirmed abandon is.
      if (doubted) draft.add('payment.given_up', { paymentRef: ref, reason: outcome.reason });
      else draft.add('payment.failed', { paymentRef: ref, reason: outcome.reason });
      return;
    case 'requires_action':
      if (phase !== 'awaiting_customer') {
        draft.add('payment.action_required', { paymentRef: ref, action: outcome.action });
      }
      return;
    case 'not_found':
      draft.add('payment.given_up', { paymentRef: ref, reason: 'payment_timed_out' });
      return;
    case 'pending':
    case 'unknown':
      if (phase === 'submitted') {
        const cause = outcome.type === 'pending' ? 'pending' : outcome.cause;
        draft.add('payment.unknown', { paymentRef: ref, cause });
      }
      return;
  }
}

/** Whether an approval is followed by a capture at once. The workflow asks before it calls the bank. */
export function wantsCapture(order: Order, payment: { ref: string; review: boolean }): boolean {
  return isUsable(order, payment.ref) && order.captureMode === 'automatic' && !payment.review;
}

/** May this approval still pay the order? */
function isUsable(order: Order, ref: string): boolean {
  const holder = holderOf(order);
  return isPayable(order) && (holder === undefined || holder.ref === ref);
}

function whyUnusable({ cancelRequested, status }: Order): Reason {
  if (cancelRequested) return 'order_cancelled';
  return status === 'expired' ? 'order_expired' : 'superseded';
}

/** The bank holds the money: take it, keep it for a human, or owe its release. */
function approve(draft: Draft, ref: string, reference: string, facts: Facts): void {
  const payment = draft.payment(ref);
  const late = payment.phase === 'abandoning';
  const usable = isUsable(draft.order, ref);
  const takes = wantsCapture(draft.order, payment);
  const taken = facts.capture?.type === 'approved';
  const captureBefore = facts.at + draft.order.captureWindowMs;
  if (late) draft.add('payment.late_authorized', { paymentRef: ref, reference, captureBefore });
  // An authorization that is captured at once never stands as a state of its own.
  else if (!takes || !taken) draft.add('payment.authorized', { paymentRef: ref, reference, captureBefore });
  if (!usable) owe(draft, ref, whyUnusable(draft.order));
  else if (payment.review) {
    draft.add('payment.review_requested', { paymentRef: ref, reviewBy: facts.at + REVIEW_MS });
  } else if (takes) {
    const key = bankKey(payment.commandId, 'capture');
    captured(draft, { ref, key, reference, amount: payment.amount, outcome: facts.capture });
  }
}

interface CaptureStep {
  ref: string;
  key: string;
  reference: string;
  amount: number;
  /** undefined: the bank was not asked yet. */
  outcome: Lookup | undefined;
}

/** The answer to an automatic capture, of a payment that is at least authorized by now. */
export function captured(draft: Draft, step: CaptureStep): void {
  const { ref, key, reference, amount, outcome } = step;
  if (outcome?.type === 'approved') take(draft, ref, amount, reference);
  else if (outcome?.type === 'declined') owe(draft, ref, 'capture_declined');
  else draft.add('payment.capture_unknown', { paymentRef: ref, key, amount });
}

export function take(draft: Draft, ref: string, amount: number, reference: string): void {
  draft.add('payment.captured', { paymentRef: ref, amount, reference });
  if (draft.order.status !== 'paid') draft.add('order.paid', { paymentRef: ref, amount });
  // One capture per order: whatever else is held, or about to be captured, can only be released.
  for (const other of Object.values(draft.order.payments)) {
    if (isHeld(other.phase)) owe(draft, other.ref, 'superseded');
  }
}

/** The authorization has to be released; an obligation until the bank has done so. */
export function owe(
  draft: Draft,
  ref: string,
  reason: Reason,
  commandId = draft.payment(ref).commandId,
): void {
  draft.add('payment.void_requested', { paymentRef: ref, key: bankKey(commandId, 'void'), reason });
}

/** The answer to a void that is owed. Anything but a clear answer leaves it owed. */
export function voided(draft: Draft, ref: string, facts: Facts): void {
  const payment = draft.payment(ref);
  if (payment.phase !== 'voiding' || facts.void === undefined || hasRefund(draft.order, payment)) return;
  if (facts.void.type === 'approved') {
    draft.add('payment.voided', { paymentRef: ref, reason: payment.reason });
  } else if (facts.void.type === 'already_captured') {
    // A capture whose answer was lost came first: the money is ours, so it is given back.
    // If the order has been paid by another payment, this one was never its capture.
    const { amount } = facts.void;
    if (takenOf(draft.order) === undefined) take(draft, ref, amount, payment.authorization.reference);
    draft.add('refund.created', {
      paymentRef: ref,
      ...lateRefund(payment),
      amount,
      key: bankKey(payment.commandId, 'late_refund'),
    });
  }
}

/** A refund that nobody asked for takes its names from its payment: the same at every repeat. */
function lateRefund(payment: Payment): { refundRef: string; id: string } {
  return {
    refundRef: payment.ref.replace('pf_pay_', 'pf_rfnd_'),
    // One bit of the payment's id turned: unique, and a UUID still.
    id: payment.id.slice(0, -1) + (Number.parseInt(payment.id.slice(-1), 16) ^ 1).toString(16),
  };
}

export function refunded(draft: Draft, refundRef: string, outcome: Lookup | undefined): void {
  const { status, paymentRef, amount } = draft.refund(refundRef);
  if (status !== 'pending') return;
  if (outcome?.type === 'declined') {
    draft.add('refund.failed', { paymentRef, refundRef, amount, reason: outcome.reason });
  } else if (outcome?.type === 'approved') {
    draft.add('refund.processed', { paymentRef, refundRef, amount, reference: outcome.reference });
  } else return;
  const payment = draft.payment(paymentRef);
  if (payment.phase === 'voiding') draft.add('payment.voided', { paymentRef, reason: payment.reason });
  else if (payment.phase === 'captured' && payment.amountRefunded === payment.amountCaptured) {
    draft.add('payment.refunded', { paymentRef });
  }
}

/** The payer's time is over: the bank either confirms that it can never succeed, or tells what happened. */
export function giveUp(draft: Draft, ref: string, reason: Reason, facts: Facts): void {
  const { phase } = draft.payment(ref);
  if (phase !== 'submitted' && phase !== 'awaiting_customer') return;
  const told = facts.abandon;
  if (told?.type === 'abandoned') draft.add('payment.failed', { paymentRef: ref, reason });
  else if (told?.type === 'happened') ended(draft, ref, told.outcome, facts);
  else draft.add('payment.given_up', { paymentRef: ref, reason });
}

export function abandoned(draft: Draft, ref: string, facts: Facts): void {
  const payment = draft.payment(ref);
  const told = facts.abandon;
  if (payment.phase !== 'abandoning' || told === undefined) return;
  if (told.type === 'abandoned') {
    draft.add('payment.failed', { paymentRef: ref, reason: payment.reason });
  } else if (told.type === 'happened') ended(draft, ref, told.outcome, facts);
}

/** It had come to its end before it was given up: nothing changes that any more. */
function ended(draft: Draft, ref: string, outcome: Approved | Declined, facts: Facts): void {
  if (outcome.type === 'approved') approve(draft, ref, outcome.reference, facts);
  else draft.add('payment.failed', { paymentRef: ref, reason: outcome.reason });
}

export function captureAnswered(draft: Draft, ref: string, outcome: Outcome | undefined): void {
  const payment = draft.payment(ref);
  if (payment.phase !== 'capturing') return;
  if (outcome?.type === 'approved') {
    take(draft, ref, payment.capture.amount, payment.authorization.reference);
  } else if (outcome?.type === 'declined') {
    draft.add('payment.capture_declined', { paymentRef: ref, reason: outcome.reason });
    // A merchant who captures by hand decides what next; nobody does for an automatic capture.
    if (draft.order.captureMode === 'automatic') owe(draft, ref, 'capture_declined');
  }
}

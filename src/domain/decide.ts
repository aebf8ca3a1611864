import type {
  CaptureCommand,
  Command,
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
import type { Reason } from './errors.ts';
import { openDraft, type Draft } from './draft.ts';
import type { OrderEvent } from './events.ts';
import { judge, type FraudVerdict } from './fraud.ts';
import { payStanding, refuseCommand, refusePay, standingOf, type Standing } from './refusals.ts';
import { bankKey } from './agenda.ts';
import { holderOf, isPayable, takenOf, type Order } from './order.ts';
import type { Payment, PaymentIn } from './payment.ts';
import { orderRow, paymentRow, refundRow } from './projection.ts';
import {
  abandoned,
  captureAnswered,
  captured,
  giveUp,
  owe,
  refunded,
  settle,
  take,
  voided,
} from './settle.ts';

/** A pay that could not be driven for this long is given up, not sent: its payer has left. In ms. */
export const PAY_FRESH_MS = 2 * 60 * 1_000;

export interface Decision {
  readonly events: readonly OrderEvent[];
  /** null for the loop's own instructions. */
  readonly reply: Reply | null;
}

/**
 * What an instruction makes of an order, given what was learnt while carrying it out. Pure and total:
 * an outcome that comes when it can no longer be used becomes something owed (a void, a refund),
 * never an error. No events: there was nothing to decide any more.
 */
export function decide(order: Order, instruction: Instruction, facts: Facts): Decision {
  const draft = openDraft(order, facts.at);
  const reply = apply(draft, instruction, facts);
  return { events: draft.events, reply };
}

function apply(draft: Draft, instruction: Instruction, facts: Facts): Reply | null {
  switch (instruction.kind) {
    case 'pay':
      return pay(draft, instruction, facts);
    case 'capture':
      return capture(draft, instruction, facts);
    case 'void':
      return voidPayment(draft, instruction, facts);
    case 'refund':
      return refund(draft, instruction, facts);
    case 'decide_review':
      return decideReview(draft, instruction, facts);
    case 'repair':
      return repair(draft, instruction);
    case 'expire':
      expire(draft);
      return null;
    case 'cancel':
      cancel(draft);
      return null;
    case 'release':
      release(draft, instruction.paymentRef, instruction.reason, facts);
      return null;
    case 'give_up':
      giveUp(draft, instruction.paymentRef, instruction.reason, facts);
      return null;
    case 'progress':
      progress(draft, instruction.obligation, facts);
      return null;
  }
}

// ── Pay ─────────────────────────────────────────────────────────────────────────────────────────

/** What the merchant's rules say about a pay. Asked again at every decision: the same facts, the same verdict. */
export function judgePay(order: Order, command: PayCommand): FraudVerdict {
  return judge({ amount: order.amount, method: command.method }, command.signals);
}

function pay(draft: Draft, command: PayCommand, facts: Facts): Reply {
  const told = facts.authorize ?? facts.abandon;
  const refusal = refusePay(payStanding(draft.order));
  const untouched = told === undefined || told.type === 'abandoned';
  // Once the bank has it the payment is a fact, however late: then its outcome finds its own end.
  if (untouched && refusal !== null) return refuse(draft, command, refusal);
  const verdict = judgePay(draft.order, command);
  const ref = submit(draft, command, verdict);
  if (verdict.action === 'block') {
    draft.add('payment.failed', { paymentRef: ref, reason: 'blocked_by_fraud_rules' });
  } else if (facts.abandon !== undefined) {
    giveUp(draft, ref, 'payment_timed_out', facts);
  } else {
    settle(draft, ref, facts.authorize ?? { type: 'unknown', cause: 'not asked' }, facts);
  }
  return paymentReply(draft, ref);
}

function submit(draft: Draft, command: PayCommand, verdict: FraudVerdict): string {
  draft.add('payment.submitted', {
    paymentRef: command.paymentRef,
    id: command.paymentId,
    commandId: command.id,
    amount: draft.order.amount,
    method: command.method,
    flags: verdict.flags,
    review: verdict.action === 'review',
    acceptedAt: command.acceptedAt,
  });
  return command.paymentRef;
}

// ── Capture, void, refund ───────────────────────────────────────────────────────────────────────

function capture(draft: Draft, command: CaptureCommand, facts: Facts): Reply {
  const refusal = refuseCommand(standing(draft, command.paymentRef), command);
  if (refusal !== null) return refuse(draft, command, refusal.reason, refusal.text);
  const payment = draft.payment(command.paymentRef) as PaymentIn<'authorized'>;
  const amount = command.amount ?? payment.amount;
  const key = bankKey(command.id, 'capture');
  const { reference } = payment.authorization;
  if (facts.capture?.type === 'declined') return refuse(draft, command, 'capture_declined');
  captured(draft, { ref: payment.ref, key, reference, amount, outcome: facts.capture });
  return paymentReply(draft, payment.ref);
}

function voidPayment(draft: Draft, command: VoidCommand, facts: Facts): Reply {
  const refusal = refuseCommand(standing(draft, command.paymentRef), command);
  if (refusal !== null) return refuse(draft, command, refusal.reason, refusal.text);
  owe(draft, command.paymentRef, 'voided_by_merchant', command.id);
  voided(draft, command.paymentRef, facts);
  return paymentReply(draft, command.paymentRef);
}

function refund(draft: Draft, command: RefundCommand, facts: Facts): Reply {
  const refusal = refuseCommand(standing(draft, command.paymentRef), command);
  if (refusal !== null) return refuse(draft, command, refusal.reason, refusal.text);
  const payment = draft.payment(command.paymentRef) as PaymentIn<'captured'>;
  const { refundRef } = command;
  draft.add('refund.created', {
    paymentRef: payment.ref,
    refundRef,
    id: command.refundId,
    amount: command.amount ?? payment.amountCaptured - payment.amountReserved,
    key: bankKey(command.id, 'refund'),
  });
  refunded(draft, refundRef, facts.refund);
  return {
    ok: true,
    order: orderRow(draft.order),
    payment: paymentRow(draft.order, payment.ref),
    refund: refundRow(draft.order, refundRef),
  };
}

// ── Humans ──────────────────────────────────────────────────────────────────────────────────────

function decideReview(draft: Draft, command: DecideReviewCommand, facts: Facts): Reply {
  const refusal = refuseCommand(standing(draft, command.paymentRef), command);
  if (refusal !== null) return refuse(draft, command, refusal.reason);
  const { paymentRef } = command;
  if (!command.approve) {
    owe(draft, paymentRef, 'review_rejected');
    voided(draft, paymentRef, facts);
    return paymentReply(draft, paymentRef);
  }
  draft.add('payment.approved_in_review', { paymentRef, by: command.by });
  const payment = draft.payment(paymentRef) as PaymentIn<'authorized'>;
  if (draft.order.captureMode === 'automatic') {
    captured(draft, {
      ref: paymentRef,
      key: bankKey(payment.commandId, 'capture'),
      reference: payment.authorization.reference,
      amount: payment.amount,
      outcome: facts.capture,
    });
  }
  return paymentReply(draft, paymentRef);
}

function repair(draft: Draft, command: RepairCommand): Reply {
  const refusal = refuseCommand(standing(draft, command.paymentRef), command);
  if (refusal !== null) return refuse(draft, command, refusal.reason);
  const { paymentRef, action, by } = command;
  const payment = draft.payment(paymentRef);
  draft.add('payment.repaired', { paymentRef, action, by });
  if (action === 'confirm_captured') {
    const amount = payment.phase === 'capturing' ? payment.capture.amount : payment.amount;
    const known = 'authorization' in payment ? payment.authorization?.reference : undefined;
    confirmCaptured(draft, payment, amount, command.reference ?? known ?? 'confirmed by hand');
  } else if (action === 'confirm_failed') {
    draft.add('payment.failed', { paymentRef, reason: 'confirmed_failed' });
  } else if (action === 'extend' && command.until !== null) {
    draft.add('payment.deadline_extended', { paymentRef, until: command.until });
  }
  return paymentReply(draft, paymentRef);
}

/** Somebody saw the capture at the bank. If another payment has paid the order, what is owed goes on until this one is back. */
function confirmCaptured(draft: Draft, payment: Payment, amount: number, reference: string): void {
  if (takenOf(draft.order) === undefined) take(draft, payment.ref, amount, reference);
}

// ── The loop's own instructions ─────────────────────────────────────────────────────────────────

function expire(draft: Draft): void {
  const { status } = draft.order;
  const open = status === 'created' || status === 'attempted';
  if (open && holderOf(draft.order) === undefined) draft.add('order.expired', {});
}

/** A cancel from outside: void if nothing is captured. Deadlines of a cancelled order are due at once. */
function cancel(draft: Draft): void {
  if (!isPayable(draft.order)) return;
  draft.add('order.cancel_requested', {});
}

function release(draft: Draft, ref: string, reason: Reason, facts: Facts): void {
  const { phase } = draft.payment(ref);
  if (phase !== 'authorized' && phase !== 'in_review') return;
  owe(draft, ref, reason);
  voided(draft, ref, facts);
}

/** News about something owed. Whatever is no longer owed is nobody's business any more. */
function progress(draft: Draft, obligation: Obligation, facts: Facts): void {
  const { ref } = obligation;
  switch (obligation.kind) {
    case 'resolve':
    case 'await_payer':
      if (facts.authorize !== undefined) settle(draft, ref, facts.authorize, facts);
      return;
    case 'abandon':
      abandoned(draft, ref, facts);
      return;
    case 'capture':
      captureAnswered(draft, ref, facts.capture);
      return;
    case 'void':
      voided(draft, ref, facts);
      return;
    case 'refund':
      refunded(draft, ref, facts.refund);
      return;
  }
}

// ── Replies ─────────────────────────────────────────────────────────────────────────────────────

function paymentReply(draft: Draft, ref: string): Reply {
  return { ok: true, order: orderRow(draft.order), payment: paymentRow(draft.order, ref) };
}

function standing(draft: Draft, ref: string): Standing | undefined {
  const payment = draft.order.payments[ref];
  return payment === undefined ? undefined : standingOf(payment);
}

/** A refusal is a fact too: it closes the command and raises the order's number. */
function refuse(draft: Draft, command: Command, reason: Reason, text?: string): Reply {
  draft.add('command.refused', { kind: command.kind, reason });
  return { ok: false, reason, text: text ?? null };
}

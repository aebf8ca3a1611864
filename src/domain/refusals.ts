import type { Command, PayCommand, RepairAction } from './commands.ts';
import type { Reason } from './errors.ts';
import { holderOf, isPayable, type Order } from './order.ts';
import { apiPhase, paymentStatus, type Payment, type Phase } from './payment.ts';

/**
 * Why an instruction is refused as things stand. Asked twice with the same words: when Postgres
 * accepts it (over columns) and when the workflow carries it out (over the order).
 */
export interface Refusal {
  readonly reason: Reason;
  readonly text?: string;
}

export interface PayStanding {
  readonly paid: boolean;
  readonly payable: boolean;
  readonly held: boolean;
}

/** Time is not asked here: Postgres decides expiry, once, when it accepts the pay. */
export function refusePay({ paid, payable, held }: PayStanding): Reason | null {
  if (paid) return 'order_already_paid';
  if (!payable) return 'order_expired';
  return held ? 'payment_in_progress' : null;
}

export function payStanding(order: Order): PayStanding {
  return {
    paid: order.status === 'paid',
    payable: isPayable(order),
    held: holderOf(order) !== undefined,
  };
}

/** What a refusal of a command about a payment depends on. Amounts in minor units. */
export interface Standing {
  readonly phase: Phase;
  readonly amount: number;
  readonly amountCaptured: number;
  /** Refunded or on its way. */
  readonly amountReserved: number;
}

export function standingOf(payment: Payment): Standing {
  const taken = 'amountCaptured' in payment ? payment : null;
  return {
    phase: payment.phase,
    amount: payment.amount,
    amountCaptured: taken?.amountCaptured ?? 0,
    amountReserved: taken?.amountReserved ?? 0,
  };
}

export type PaymentCommand = Exclude<Command, PayCommand>;

export function refuseCommand(
  payment: Standing | undefined,
  command: Pick<PaymentCommand, 'kind'> & { readonly amount?: number | null; readonly action?: RepairAction },
): Refusal | null {
  if (payment === undefined) return { reason: 'payment_not_found' };
  switch (command.kind) {
    case 'capture':
      return refuseCapture(payment, command.amount ?? null);
    case 'void':
      return isHeld(payment.phase) ? null : { reason: 'cannot_void', text: cannot('void', payment.phase) };
    case 'refund':
      return refuseRefund(payment, command.amount ?? null);
    case 'decide_review':
      return payment.phase === 'in_review' ? null : { reason: 'cannot_review' };
    case 'repair':
      return isRepairable(payment.phase, command.action ?? 'ask') ? null : { reason: 'cannot_repair' };
  }
}

function refuseCapture(payment: Standing, amount: number | null): Refusal | null {
  if (payment.phase !== 'authorized') {
    return { reason: 'cannot_capture', text: cannot('capture', payment.phase) };
  }
  return amount !== null && amount > payment.amount ? { reason: 'capture_exceeds_authorization' } : null;
}

function refuseRefund(payment: Standing, amount: number | null): Refusal | null {
  if (payment.phase !== 'captured') {
    const text = `Cannot refund payment with status '${paymentStatus(payment.phase)}'`;
    return { reason: 'cannot_refund', text };
  }
  const refundable = payment.amountCaptured - payment.amountReserved;
  const wanted = amount ?? refundable;
  if (wanted > 0 && wanted <= refundable) return null;
  const text = `Refund amount ${wanted} exceeds refundable amount ${refundable}`;
  return { reason: 'refund_exceeds_refundable', text };
}

/** What the API calls it; a finer phase is named where the status alone would sound wrong. */
function cannot(verb: string, phase: Phase): string {
  const shown = apiPhase(phase);
  const name = shown === 'in_review' || shown === 'voided' ? shown : paymentStatus(phase);
  return `Cannot ${verb} payment in status '${name}'`;
}

/** The bank holds money that can still be released. */
export function isHeld(phase: Phase): boolean {
  return phase === 'authorized' || phase === 'in_review' || phase === 'capturing';
}

function isRepairable(phase: Phase, action: RepairAction): boolean {
  switch (action) {
    case 'ask':
      return true;
    case 'confirm_captured':
      return ['unknown', 'abandoning', 'capturing', 'voiding'].includes(phase);
    case 'confirm_failed':
      return phase === 'unknown' || phase === 'abandoning';
    case 'extend':
      return phase === 'authorized' || phase === 'in_review';
  }
}

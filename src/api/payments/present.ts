import type { z } from 'zod';
import type { PayerTexts, PaymentWithPayer, SubmittedPayment } from '../../db/payments.ts';
import type { NextAction } from '../../domain/outcome.ts';
import { apiPhase, paymentStatus } from '../../domain/payment.ts';
import { errorFields, type PaymentRow } from '../../domain/projection.ts';
import type { payment } from './schema.ts';

type Shown = z.input<typeof payment>;

const NO_ERROR = {
  error_code: null,
  error_description: null,
  error_source: null,
  error_step: null,
  error_reason: null,
};
const CARD_STARS = '*'.repeat(12);

export function presentPayment(row: PaymentWithPayer): Shown {
  return presentPaymentOf(row, row);
}

/** The row may be the one that a reply kept; what the payer typed never changes. */
export function presentPaymentOf(row: PaymentRow, payer: PayerTexts): Shown {
  return {
    id: row.id,
    payment_ref: row.payment_ref,
    order_id: row.order_id,
    order_ref: row.order_ref,
    amount: row.amount,
    currency: row.currency as Shown['currency'],
    method: row.method,
    status: row.status as Shown['status'],
    phase: apiPhase(row.phase) as Shown['phase'],
    ...presentPayer(payer),
    amount_captured: row.amount_captured,
    amount_refunded: row.amount_refunded,
    refund_status: refundStatus(row),
    is_flagged: row.flags.length > 0,
    flag_reason: row.flags.length > 0 ? row.flags.join(',') : null,
    created_at: row.created_at,
    authorized_at: row.authorized_at,
    captured_at: row.captured_at,
    failed_at: row.failed_at,
    capture_before: row.capture_before,
    acquirer_reference: row.acquirer_reference,
    ...(row.error_reason === null ? NO_ERROR : errorFields(row.error_reason)),
    next_action: row.next_action === null ? null : presentNextAction(row.next_action),
  };
}

/** A pay that was accepted and not recorded yet: all that is known is that it was submitted. */
export function presentSubmitted(submitted: SubmittedPayment): Shown {
  const { command } = submitted;
  return presentPaymentOf(
    {
      id: command.paymentId,
      payment_ref: command.paymentRef,
      order_ref: submitted.order_ref,
      order_id: submitted.order_id,
      merchant_id: '',
      command_id: command.id,
      amount: submitted.amount,
      currency: submitted.currency,
      method: command.method,
      phase: 'submitted',
      status: paymentStatus('submitted'),
      amount_captured: 0,
      amount_refunded: 0,
      flags: [],
      acquirer_reference: null,
      error_reason: null,
      next_action: null,
      created_at: new Date(command.acceptedAt).toISOString(),
      authorized_at: null,
      captured_at: null,
      failed_at: null,
      capture_before: null,
    },
    submitted,
  );
}

function presentPayer(payer: PayerTexts) {
  return {
    email: payer.email,
    contact: payer.contact,
    vpa: payer.vpa,
    card_number_masked: payer.card_last4 === null ? null : CARD_STARS + payer.card_last4,
    card_network: payer.card_network,
  };
}

function refundStatus(row: PaymentRow): Shown['refund_status'] {
  if (row.amount_refunded === 0) return null;
  return row.amount_refunded < row.amount_captured ? 'partial' : 'full';
}

function presentNextAction(action: NextAction): NonNullable<Shown['next_action']> {
  return {
    type: action.type,
    url: action.url,
    ...(action.intentUrl === null ? {} : { intent_url: action.intentUrl }),
    expires_at: new Date(action.expiresAt).toISOString(),
  };
}

import { ERRORS, type Reason } from './errors.ts';
import { eventId } from './ids.ts';
import { isPublicEvent, type EventPayload, type OrderEvent, type PublicEventType } from './events.ts';
import { nextDeadline, obligations } from './agenda.ts';
import { authorizationOf, evolve, holderOf, paymentOf, refundOf, takenOf, type Order } from './order.ts';
import { paymentStatus, type Method, type Payment } from './payment.ts';
import type { NextAction } from './outcome.ts';

/**
 * The read models as functions of an order. The names are the tables' columns, so that one JSON value
 * is the row that `record` writes, the reply a command keeps and what a query returns. Times are ISO
 * 8601 with milliseconds.
 */
export interface OrderRow {
  order_ref: string;
  id: string;
  merchant_id: string;
  amount: number;
  currency: string;
  source: string;
  capture_mode: string;
  status: string;
  attempts: number;
  amount_paid: number;
  amount_refunded: number;
  /** Refunded or on its way. */
  amount_reserved: number;
  captured_payment_ref: string | null;
  /** The payment that keeps others from being charged. */
  holding_payment_ref: string | null;
  cancel_requested: boolean;
  expires_at: string;
  /** When this order needs somebody's attention by itself, for the sweep. */
  due_at: string | null;
  created_at: string;
  updated_at: string;
  last_seq: number;
}

export interface PaymentRow {
  id: string;
  payment_ref: string;
  order_ref: string;
  order_id: string;
  merchant_id: string;
  command_id: string;
  amount: number;
  currency: string;
  method: Method;
  phase: Payment['phase'];
  status: string;
  amount_captured: number;
  amount_refunded: number;
  flags: string[];
  acquirer_reference: string | null;
  error_reason: Reason | null;
  next_action: NextAction | null;
  created_at: string;
  authorized_at: string | null;
  captured_at: string | null;
  failed_at: string | null;
  capture_before: string | null;
}

export interface RefundRow {
  id: string;
  refund_ref: string;
  payment_ref: string;
  payment_id: string;
  order_ref: string;
  merchant_id: string;
  amount: number;
  currency: string;
  status: string;
  error_reason: Reason | null;
  acquirer_reference: string | null;
  created_at: string;
  processed_at: string | null;
  failed_at: string | null;
}

export interface LedgerRow {
  order_ref: string;
  order_seq: number;
  line: number;
  merchant_id: string;
  /** `bank`: what the bank owes us; `merchant`: what we owe the merchant. Debits are positive. */
  account: 'bank' | 'merchant';
  amount: number;
  currency: string;
  at: string;
}

export interface EventRow {
  id: string;
  order_seq: number;
  type: OrderEvent['type'];
  data: OrderEvent['data'];
  at: string;
  /** Set for the events that merchants are told. */
  payload: EventPayload | null;
}

/**
 * How long an obligation may go without news before the sweep looks after the run, in ms. The run may
 * not know of it: its engine died between the record and the end of the task. A bank is asked again
 * soon; a payer is at the bank's page for minutes.
 */
const OBLIGATION_DUE_MS = 15_000;
const PAYER_DUE_MS = 60_000;

/** All that one batch changes. */
export interface Changes {
  order: OrderRow;
  payments: PaymentRow[];
  refunds: RefundRow[];
  ledger: LedgerRow[];
  events: EventRow[];
}

export function project(before: Order, events: readonly OrderEvent[]): Changes {
  const payments = new Set<string>();
  const refunds = new Set<string>();
  const rows: EventRow[] = [];
  const ledger: LedgerRow[] = [];
  let order = before;
  for (const event of events) {
    order = evolve(order, event);
    rows.push(eventRow(order, event));
    ledger.push(...ledgerRows(order, event));
    if ('paymentRef' in event.data) payments.add(event.data.paymentRef);
    if ('refundRef' in event.data) refunds.add(event.data.refundRef);
  }
  const after = order;
  return {
    order: orderRow(after),
    payments: [...payments].map((ref) => paymentRow(after, ref)),
    refunds: [...refunds].map((ref) => refundRow(after, ref)),
    ledger,
    events: rows,
  };
}

export function orderRow(order: Order): OrderRow {
  const taken = takenOf(order);
  return {
    order_ref: order.ref,
    id: order.id,
    merchant_id: order.merchantId,
    amount: order.amount,
    currency: order.currency,
    source: order.source,
    capture_mode: order.captureMode,
    status: order.status,
    attempts: Object.keys(order.payments).length,
    amount_paid: taken?.amountCaptured ?? 0,
    amount_refunded: taken?.amountRefunded ?? 0,
    amount_reserved: taken?.amountReserved ?? 0,
    captured_payment_ref: taken?.ref ?? null,
    holding_payment_ref: holderOf(order)?.ref ?? null,
    cancel_requested: order.cancelRequested,
    expires_at: iso(order.expiresAt),
    due_at: dueAt(order),
    created_at: iso(order.createdAt),
    updated_at: iso(order.updatedAt),
    last_seq: order.seq,
  };
}

function dueAt(order: Order): string | null {
  const deadline = nextDeadline(order)?.at ?? Infinity;
  const errands = obligations(order).map(
    ({ kind }) => order.updatedAt + (kind === 'await_payer' ? PAYER_DUE_MS : OBLIGATION_DUE_MS),
  );
  const due = Math.min(deadline, ...errands);
  return due === Infinity ? null : iso(due);
}

export function paymentRow(order: Order, ref: string): PaymentRow {
  const payment = paymentOf(order, ref);
  const authorization = authorizationOf(payment);
  const taken = 'amountCaptured' in payment ? payment : null;
  const ended = payment.phase === 'voided' || payment.phase === 'failed' ? payment : null;
  const waits = payment.phase === 'authorized' || payment.phase === 'in_review';
  return {
    id: payment.id,
    payment_ref: ref,
    order_ref: order.ref,
    order_id: order.id,
    merchant_id: order.merchantId,
    command_id: payment.commandId,
    amount: payment.amount,
    currency: order.currency,
    method: payment.method,
    phase: payment.phase,
    status: paymentStatus(payment.phase),
    amount_captured: taken?.amountCaptured ?? 0,
    amount_refunded: taken?.amountRefunded ?? 0,
    flags: [...payment.flags],
    acquirer_reference: authorization?.reference ?? null,
    error_reason: ended?.reason ?? null,
    next_action: payment.phase === 'awaiting_customer' ? payment.nextAction : null,
    created_at: iso(payment.createdAt),
    authorized_at: authorization === null ? null : iso(authorization.authorizedAt),
    captured_at: taken === null ? null : iso(taken.capturedAt),
    failed_at: ended === null ? null : iso(ended.failedAt),
    capture_before: waits ? iso(payment.captureBefore) : null,
  };
}

export function refundRow(order: Order, ref: string): RefundRow {
  const refund = refundOf(order, ref);
  return {
    id: refund.id,
    refund_ref: ref,
    payment_ref: refund.paymentRef,
    payment_id: paymentOf(order, refund.paymentRef).id,
    order_ref: order.ref,
    merchant_id: order.merchantId,
    amount: refund.amount,
    currency: order.currency,
    status: refund.status,
    error_reason: refund.status === 'failed' ? refund.reason : null,
    acquirer_reference: refund.status === 'processed' ? refund.reference : null,
    created_at: iso(refund.createdAt),
    processed_at: refund.status === 'processed' ? iso(refund.processedAt) : null,
    failed_at: refund.status === 'failed' ? iso(refund.failedAt) : null,
  };
}

function eventRow(after: Order, event: OrderEvent): EventRow {
  return {
    id: eventId(after.ref, event.seq),
    order_seq: event.seq,
    type: event.type,
    data: event.data,
    at: iso(event.at),
    payload: isPublicEvent(event.type) ? payloadOf(after, event, event.type) : null,
  };
}

function payloadOf(after: Order, event: OrderEvent, type: PublicEventType): EventPayload {
  if (!('paymentRef' in event.data)) {
    return {
      payment_ref: null,
      order_ref: after.ref,
      amount: after.amount,
      method: null,
      status: after.status,
    };
  }
  const payment = paymentOf(after, event.data.paymentRef);
  const payload: EventPayload = {
    payment_ref: payment.ref,
    order_ref: after.ref,
    // A partial capture is told as what was taken.
    amount:
      type === 'payment.captured' && 'amountCaptured' in payment ? payment.amountCaptured : payment.amount,
    method: payment.method,
    status: paymentStatus(payment.phase),
  };
  if (!('refundRef' in event.data)) return payload;
  const refund = refundOf(after, event.data.refundRef);
  return {
    ...payload,
    refund_ref: refund.ref,
    refund_amount: refund.amount,
    refund_status: refund.status,
  };
}

/** Money that moved, as a balanced pair. */
function ledgerRows(after: Order, event: OrderEvent): LedgerRow[] {
  const pair = (debit: LedgerRow['account'], credit: LedgerRow['account'], amount: number): LedgerRow[] => {
    const base = {
      order_ref: after.ref,
      order_seq: event.seq,
      merchant_id: after.merchantId,
      currency: after.currency,
      at: iso(event.at),
    };
    return [
      { ...base, line: 1, account: debit, amount },
      { ...base, line: 2, account: credit, amount: -amount },
    ];
  };
  if (event.type === 'payment.captured') return pair('bank', 'merchant', event.data.amount);
  if (event.type === 'refund.processed') return pair('merchant', 'bank', event.data.amount);
  // A second capture of the order is no capture of its payment, but the bank did take the money.
  const extra =
    event.type === 'refund.created' && paymentOf(after, event.data.paymentRef).phase === 'voiding';
  return extra ? pair('bank', 'merchant', event.data.amount) : [];
}

/** The public words for why a payment failed. */
export function errorFields(reason: Reason) {
  const { code, source, step, text } = ERRORS[reason];
  return {
    error_code: code,
    error_description: text,
    error_source: source,
    error_step: step,
    error_reason: reason,
  };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

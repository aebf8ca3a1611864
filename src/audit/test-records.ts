import type { OrderEvent } from '../domain/events.ts';
import { fold } from '../domain/order.ts';
import { orderRow, paymentRow, project, type RefundRow } from '../domain/projection.ts';
import type { ClientAnswer } from './client-log.ts';
import type { JournalEntry, OrderRecords, StoredCommand } from './order-records.ts';

export const REF = 'pf_order_test';
export const PAYMENT = 'pf_pay_test';
export const REFUND = 'pf_rfnd_test';
export const ENDPOINT = 'endpoint';
/** When all of it happened; `NOW` is an hour later. */
const AT = Date.UTC(2026, 10, 1);
export const NOW = AT + 3_600_000;
export const TIME = new Date(AT).toISOString();
const AMOUNT = 49_900;
export const CREATE = 'create-command';
export const PAY = 'pay-command';

const EVENTS = [
  {
    seq: 1,
    at: AT,
    type: 'order.created',
    data: {
      id: 'order',
      merchantId: 'merchant',
      amount: AMOUNT,
      currency: 'INR',
      captureMode: 'automatic',
      captureWindowMs: 1_000,
      source: 'api',
      expiresAt: AT + 60_000,
    },
  },
  {
    seq: 2,
    at: AT,
    type: 'payment.submitted',
    data: {
      paymentRef: PAYMENT,
      id: 'payment',
      commandId: PAY,
      amount: AMOUNT,
      method: 'upi',
      flags: [],
      review: false,
      acceptedAt: AT,
    },
  },
  {
    seq: 3,
    at: AT,
    type: 'payment.captured',
    data: { paymentRef: PAYMENT, amount: AMOUNT, reference: 'bnk' },
  },
  { seq: 4, at: AT, type: 'order.paid', data: { paymentRef: PAYMENT, amount: AMOUNT } },
] as const satisfies readonly OrderEvent[];

/** A line of the bank's journal; of the pay command, unless told otherwise. */
export function entry(kind: JournalEntry['kind'], change: Partial<JournalEntry> = {}): JournalEntry {
  return {
    id: 1,
    at: TIME,
    kind,
    key: `${PAY}/${kind}`,
    order_ref: REF,
    amount: AMOUNT,
    currency: 'INR',
    ...change,
  };
}

/** What a client was told; that the payment was captured, unless told otherwise. */
export function told(change: Partial<ClientAnswer> = {}): ClientAnswer {
  return {
    at: TIME,
    kind: 'pay',
    status: 200,
    source: 'shop.jsonl:1',
    order_ref: REF,
    idempotency_key: null,
    payment_ref: PAYMENT,
    payment_status: change.kind === undefined ? 'captured' : null,
    refund_ref: null,
    refund_status: null,
    amount: null,
    amount_captured: null,
    reason: null,
    ...change,
  };
}

/** The same order with a refund of 100, in its row and its command. */
export function withRefund(records: OrderRecords, change: Partial<RefundRow>): OrderRecords {
  const refund: RefundRow = {
    id: 'refund',
    refund_ref: REFUND,
    payment_ref: PAYMENT,
    payment_id: 'payment',
    order_ref: REF,
    merchant_id: 'merchant',
    amount: 100,
    currency: 'INR',
    status: 'processed',
    error_reason: null,
    acquirer_reference: null,
    created_at: TIME,
    processed_at: null,
    failed_at: null,
    ...change,
  };
  const args = { paymentRef: PAYMENT, refundRef: REFUND };
  const asked = command('refund-command', 'refund', { args, reply: { ok: true, refund } });
  return { ...records, refunds: [refund], commands: [...records.commands, asked] };
}

/** An order that was paid with one payment, as every table and the bank know it: no differences. */
export function paidRecords(change: Partial<OrderRecords> = {}): OrderRecords {
  const born = fold(REF, EVENTS.slice(0, 1));
  const order = fold(REF, EVENTS);
  const { order: row, payments, ledger, events } = project(born, EVENTS.slice(1));
  const [created] = EVENTS;
  const first = { ...created, id: `${REF}:1`, order_seq: 1, at: TIME, payload: null };
  const stored = [first, ...events].map((event, index) => ({
    ...event,
    order_ref: REF,
    after_seq: index === 0 ? 0 : 1,
  }));
  const endpoints = [{ id: ENDPOINT, merchant_id: 'merchant', events: ['order.paid'], since: '2026-10-01' }];
  return {
    order: row,
    payments,
    refunds: [],
    ledger,
    events: stored,
    batches: [
      { order_ref: REF, after_seq: 0, command_id: CREATE },
      { order_ref: REF, after_seq: 1, command_id: PAY },
    ],
    commands: [
      command(CREATE, 'create', { args: {}, reply: { ok: true, order: orderRow(born) } }),
      command(PAY, 'pay', { reply: { ok: true, order: row, payment: paymentRow(order, PAYMENT) } }),
    ],
    journal: [entry('authorize'), entry('capture')],
    answers: [],
    outbox: [],
    deliveries: [delivery(stored[3]!.id)],
    endpoints,
    ...change,
  };
}

function command(id: string, kind: StoredCommand['kind'], change: Partial<StoredCommand>): StoredCommand {
  const base = {
    id,
    kind,
    order_ref: REF,
    args: { paymentRef: PAYMENT },
    idem_key: `${id}-key`,
    reply: null,
    accepted_at: TIME,
  };
  return { ...base, ...change };
}

function delivery(eventId: string) {
  return {
    id: 'delivery',
    order_ref: REF,
    event_id: eventId,
    endpoint_id: ENDPOINT,
    status: 'delivered',
    created_at: TIME,
    next_attempt_at: null,
    succeeded: true,
    held: false,
  } as const;
}

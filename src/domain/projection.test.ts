import { ERRORS } from './errors.ts';
import type { Phase } from './payment.ts';
import { errorFields, orderRow, paymentRow, project, refundRow } from './projection.ts';
import {
  ACTION,
  APPROVED,
  capture,
  DECLINED,
  IN_PHASE,
  MANUAL,
  newOrder,
  news,
  ORDER,
  P1,
  P2,
  pay,
  PENDING,
  R1,
  refund,
  supersededBy,
  tell,
} from './test-story.ts';

const at = (seconds: number) => `2026-11-24T09:00:0${seconds}.000Z`;
const alreadyCaptured = { type: 'already_captured', amount: 49_900 } as const;

describe('the row of an order', () => {
  test('that was just created has every column', () => {
    expect(orderRow(newOrder())).toEqual({
      order_ref: ORDER,
      id: '0a000000-0000-7000-8000-000000000000',
      merchant_id: '0b000000-0000-7000-8000-000000000000',
      amount: 49_900,
      currency: 'INR',
      source: 'api',
      capture_mode: 'automatic',
      status: 'created',
      attempts: 0,
      amount_paid: 0,
      amount_refunded: 0,
      amount_reserved: 0,
      captured_payment_ref: null,
      holding_payment_ref: null,
      cancel_requested: false,
      expires_at: '2026-11-24T09:30:00.000Z',
      due_at: '2026-11-24T09:30:00.000Z',
      created_at: at(0),
      updated_at: at(0),
      last_seq: 1,
    });
  });

  test('that is paid and partly refunded tells what was paid, given back and reserved', () => {
    const once = tell(IN_PHASE.captured(), refund({ amount: 100 }), { refund: APPROVED }).order;
    const row = orderRow(tell(once, refund({ id: 'refund-2', refundRef: 'r2', amount: 50 })).order);
    expect(row).toMatchObject({
      status: 'paid',
      amount_paid: 49_900,
      amount_refunded: 100,
      amount_reserved: 150,
    });
    expect(row).toMatchObject({ attempts: 1, captured_payment_ref: P1, holding_payment_ref: null });
  });

  test('that was cancelled says so', () => {
    expect(orderRow(tell(newOrder(), { kind: 'cancel' }).order)).toMatchObject({ cancel_requested: true });
  });

  test.each([
    ['its expiry', newOrder(), '2026-11-24T09:30:00.000Z'],
    ["its payment's deadline", IN_PHASE.authorized(), '2026-11-29T09:00:01.000Z'],
    ['15 s after its last event while something is owed', IN_PHASE.unknown(), '2026-11-24T09:00:16.000Z'],
    ['the sooner of both', IN_PHASE.awaiting_customer(), '2026-11-24T09:01:01.000Z'],
    ['never once it is settled', IN_PHASE.captured(), null],
  ])('is due at %s', (_, order, due) => {
    expect(orderRow(order).due_at).toBe(due);
  });
});

describe('the row of a payment', () => {
  test('that was captured has every column', () => {
    expect(paymentRow(IN_PHASE.captured(), P1)).toEqual({
      id: pay().paymentId,
      payment_ref: P1,
      order_ref: ORDER,
      order_id: '0a000000-0000-7000-8000-000000000000',
      merchant_id: '0b000000-0000-7000-8000-000000000000',
      command_id: 'pay-1',
      amount: 49_900,
      currency: 'INR',
      method: 'upi',
      phase: 'captured',
      status: 'captured',
      amount_captured: 49_900,
      amount_refunded: 0,
      flags: [],
      acquirer_reference: 'bnk_1',
      error_reason: null,
      next_action: null,
      created_at: at(1),
      authorized_at: at(1),
      captured_at: at(1),
      failed_at: null,
      capture_before: null,
    });
  });

  const NONE = {
    authorized_at: null,
    captured_at: null,
    failed_at: null,
    capture_before: null,
    next_action: null,
  };
  const differing: [Phase, object][] = [
    ['awaiting_customer', { ...NONE, status: 'created', next_action: ACTION, acquirer_reference: null }],
    ['unknown', { ...NONE, status: 'created', error_reason: null }],
    ['abandoning', { ...NONE, status: 'created', error_reason: null }],
    [
      'authorized',
      { ...NONE, status: 'authorized', authorized_at: at(1), capture_before: '2026-11-29T09:00:01.000Z' },
    ],
    [
      'in_review',
      { ...NONE, flags: ['duplicate_amount'], authorized_at: at(1), capture_before: expect.any(String) },
    ],
    ['capturing', { ...NONE, status: 'authorized', authorized_at: at(1) }],
    ['voiding', { ...NONE, status: 'authorized', authorized_at: at(1), error_reason: null }],
    ['voided', { ...NONE, authorized_at: at(1), failed_at: at(2), error_reason: 'voided_by_merchant' }],
    ['failed', { ...NONE, status: 'failed', failed_at: at(1), error_reason: 'insufficient_funds' }],
    [
      'refunded',
      { ...NONE, amount_captured: 49_900, amount_refunded: 49_900, authorized_at: at(1), captured_at: at(1) },
    ],
  ];
  test.each(differing)('in %s tells what is true in it and nothing else', (phase, columns) => {
    expect(paymentRow(IN_PHASE[phase](), P1)).toMatchObject({ phase, ...columns });
  });

  test('captured in part keeps its authorized sum', () => {
    const { order } = tell(IN_PHASE.authorized(), capture({ amount: 100 }), { capture: APPROVED });
    expect(paymentRow(order, P1)).toMatchObject({ amount: 49_900, amount_captured: 100 });
  });
});

describe('the row of a refund', () => {
  const base = {
    refund_ref: R1,
    payment_ref: P1,
    payment_id: pay().paymentId,
    order_ref: ORDER,
    amount: 49_900,
  };
  test.each([
    [
      'pending',
      PENDING,
      { error_reason: null, acquirer_reference: null, processed_at: null, failed_at: null },
    ],
    [
      'processed',
      APPROVED,
      { error_reason: null, acquirer_reference: 'bnk_1', processed_at: at(2), failed_at: null },
    ],
    [
      'failed',
      DECLINED,
      { error_reason: 'insufficient_funds', acquirer_reference: null, processed_at: null, failed_at: at(2) },
    ],
  ] as const)('%s', (status, outcome, columns) => {
    const { order } = tell(IN_PHASE.captured(), refund(), { refund: outcome });
    expect(refundRow(order, R1)).toMatchObject({ ...base, status, created_at: at(2), ...columns });
  });
});

describe('a batch', () => {
  test('changes the order, the payments and refunds its events name, and nothing else', () => {
    const before = supersededBy({ authorize: APPROVED, capture: APPROVED });
    const { events } = tell(before, refund({ paymentRef: P2 }), { refund: APPROVED });
    const changes = project(before, events);
    expect(changes.payments.map(({ payment_ref: ref, phase }) => [ref, phase])).toEqual([[P2, 'refunded']]);
    expect(changes.refunds.map(({ refund_ref: ref, status }) => [ref, status])).toEqual([[R1, 'processed']]);
    expect(changes.order).toMatchObject({ last_seq: before.seq + 3, amount_refunded: 49_900 });
    expect(changes.events.map(({ order_seq: seq }) => seq)).toEqual([1, 2, 3].map((n) => before.seq + n));
  });

  test('of a refusal changes nothing but the number of its order', () => {
    const before = IN_PHASE.captured();
    const changes = project(before, tell(before, pay(2)).events);
    expect(changes).toMatchObject({ payments: [], refunds: [], ledger: [] });
    expect(changes.order).toEqual({ ...orderRow(before), last_seq: before.seq + 1, updated_at: at(2) });
  });

  test('in which money moves has a balanced pair: the bank owes us what we owe the merchant', () => {
    const before = IN_PHASE.authorized();
    const { ledger } = project(before, tell(before, capture({ amount: 100 }), { capture: APPROVED }).events);
    const base = { order_ref: ORDER, order_seq: 4, currency: 'INR', at: at(2) };
    expect(ledger).toMatchObject([
      { ...base, line: 1, account: 'bank', amount: 100 },
      { ...base, line: 2, account: 'merchant', amount: -100 },
    ]);
  });

  test('that gives money back has the pair turned, once it is processed and not before', () => {
    const before = IN_PHASE.captured();
    const pending = tell(before, refund({ amount: 100 }), { refund: PENDING });
    expect(project(before, pending.events).ledger).toEqual([]);
    const done = news(pending.order, { refund: APPROVED });
    expect(project(pending.order, done.events).ledger).toMatchObject([
      { line: 1, account: 'merchant', amount: 100 },
      { line: 2, account: 'bank', amount: -100 },
    ]);
  });

  test('about a second capture of the order books what the bank took and what it gave back', () => {
    const paid = supersededBy({ authorize: APPROVED, capture: APPROVED });
    const late = news(paid, { abandon: { type: 'happened', outcome: APPROVED } }).order;
    const extra = news(late, { void: alreadyCaptured });
    expect(project(late, extra.events).ledger).toMatchObject([
      { account: 'bank', amount: 49_900 },
      { amount: -49_900 },
    ]);
    expect(orderRow(extra.order)).toMatchObject({
      amount_paid: 49_900,
      amount_reserved: 0,
      captured_payment_ref: P2,
    });
    const back = news(extra.order, { refund: APPROVED });
    const { ledger, payments } = project(extra.order, back.events);
    expect(ledger).toMatchObject([
      { account: 'merchant', amount: 49_900 },
      { account: 'bank', amount: -49_900 },
    ]);
    expect(payments).toMatchObject([{ payment_ref: P1, phase: 'voided', amount_captured: 0 }]);
  });

  test('has no payload for what merchants are not told', () => {
    const { events } = project(
      newOrder(MANUAL),
      tell(newOrder(MANUAL), pay(), { authorize: PENDING }).events,
    );
    expect(events.map(({ type, payload }) => [type, payload])).toEqual([
      ['payment.submitted', null],
      ['payment.unknown', null],
    ]);
  });
});

test('why a payment failed is told in the words of the catalogue', () => {
  expect(errorFields('insufficient_funds')).toEqual({
    error_code: 'GATEWAY_ERROR',
    error_description: ERRORS.insufficient_funds.text,
    error_source: 'issuer_bank',
    error_step: 'payment_authorization',
    error_reason: 'insufficient_funds',
  });
});

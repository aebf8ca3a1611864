import type { OrderEvent } from './events.ts';
import { bankKey, isSettled, nextDeadline, obligations } from './agenda.ts';
import {
  evolve,
  fold,
  holderOf,
  isCarriedOut,
  isPayable,
  paymentOf,
  refundOf,
  takenOf,
  type Order,
} from './order.ts';
import { PHASES, type Phase } from './payment.ts';
import {
  ACTION,
  APPROVED,
  capture,
  created,
  DAY,
  event,
  IN_PHASE,
  MANUAL,
  newOrder,
  ORDER,
  P1,
  P2,
  pay,
  payRef,
  PENDING,
  R1,
  refund,
  SECOND,
  supersededBy,
  T0,
  tell,
} from './test-story.ts';

describe('folding', () => {
  const events: OrderEvent[] = [
    created(),
    ...tell(newOrder(), pay(), { authorize: APPROVED, capture: APPROVED }).events,
    ...tell(IN_PHASE.captured(), refund(), { refund: PENDING }).events,
  ];
  const whole = fold(ORDER, events);

  test('all events at once, or a few at a time, give the same order', () => {
    for (let cut = 1; cut <= events.length; cut += 1) {
      const first = fold(ORDER, events.slice(0, cut));
      expect(fold(ORDER, events.slice(cut), first)).toEqual(whole);
    }
  });

  test('numbers at or below its own are skipped', () => {
    expect(fold(ORDER, events, whole)).toBe(whole);
    const first = fold(ORDER, events.slice(0, 3));
    expect(fold(ORDER, events.slice(1), first)).toEqual(whole);
    expect(fold(ORDER, [event(2, 'order.expired', {})], whole)).toBe(whole);
  });

  test('a gap is refused', () => {
    const gap = [...events.slice(0, 2), ...events.slice(3)];
    expect(() => fold(ORDER, gap)).toThrow(`${ORDER}: event 4 cannot follow 2`);
    expect(() => evolve(whole, event(whole.seq, 'order.expired', {}))).toThrow('cannot follow');
    expect(() => evolve(whole, event(whole.seq + 2, 'order.expired', {}))).toThrow('cannot follow');
  });

  test('it begins with order.created, once', () => {
    expect(() => fold(ORDER, [])).toThrow('has no events');
    expect(() => fold(ORDER, events.slice(1))).toThrow(
      'the first event is order.created, not 2 payment.submitted',
    );
    expect(() => fold(ORDER, [event(1, 'order.expired', {})])).toThrow('the first event is order.created');
    expect(() => evolve(newOrder(), { ...created(), seq: 2 })).toThrow('was created already');
  });

  test('what was not there cannot change: a payment, a refund, a refund that ended', () => {
    const next = whole.seq + 1;
    expect(() =>
      evolve(whole, event(next, 'payment.failed', { paymentRef: P2, reason: 'superseded' })),
    ).toThrow(`${ORDER} has no payment ${P2}`);
    const failed = { paymentRef: P1, amount: 1, reason: 'refund_declined' } as const;
    expect(() => evolve(whole, event(next, 'refund.failed', { ...failed, refundRef: 'none' }))).toThrow(
      'has no refund',
    );
    const ended = evolve(whole, event(next, 'refund.failed', { ...failed, amount: 49_900, refundRef: R1 }));
    expect(() => evolve(ended, event(next + 1, 'refund.failed', { ...failed, refundRef: R1 }))).toThrow(
      'in status',
    );
    expect(() => paymentOf(whole, P2)).toThrow('has no payment');
    expect(() => refundOf(whole, 'none')).toThrow('has no refund');
  });

  test('what is not captured is not refunded', () => {
    const order = IN_PHASE.authorized();
    const data = { paymentRef: P1, refundRef: R1, id: 'r', amount: 1, key: 'k' };
    expect(() => evolve(order, event(order.seq + 1, 'refund.created', data))).toThrow(
      'is authorized, not captured',
    );
  });

  test('the order before stays as it was', () => {
    const before = IN_PHASE.captured();
    const copy = structuredClone(before);
    tell(before, refund(), { refund: APPROVED });
    expect(before).toEqual(copy);
  });

  test('a first payment makes an order attempted, and nothing but its end makes it anything else', () => {
    expect(newOrder().status).toBe('created');
    expect(IN_PHASE.failed().status).toBe('attempted');
    expect(IN_PHASE.captured().status).toBe('paid');
    expect(IN_PHASE.refunded().status).toBe('paid');
    expect(tell(newOrder(), { kind: 'expire' }).order.status).toBe('expired');
  });
});

/** What is owed, and what happens by itself and when, with the one payment in each phase. */
const MINUTES_30 = T0 + 1_800 * SECOND;
const EXPECTED: Record<Phase, { owed: string | null; next: readonly [kind: string, at: number] | null }> = {
  submitted: { owed: null, next: ['expire', MINUTES_30] },
  awaiting_customer: { owed: 'await_payer pay-1/authorize', next: ['give_up', ACTION.expiresAt] },
  unknown: { owed: 'resolve pay-1/authorize', next: null },
  abandoning: { owed: 'abandon pay-1/authorize', next: ['expire', MINUTES_30] },
  authorized: { owed: null, next: ['release', T0 + SECOND + 5 * DAY] },
  in_review: { owed: null, next: ['release', T0 + SECOND + DAY] },
  capturing: { owed: 'capture pay-1/capture', next: null },
  voiding: { owed: 'void void-1/void', next: null },
  captured: { owed: null, next: null },
  refunded: { owed: null, next: null },
  voided: { owed: null, next: ['expire', MINUTES_30] },
  failed: { owed: null, next: ['expire', MINUTES_30] },
};

describe.each(PHASES)('with its payment in %s', (phase) => {
  const order = IN_PHASE[phase]();
  const { owed, next } = EXPECTED[phase];

  test(`owes ${owed ?? 'nothing'}`, () => {
    expect(obligations(order)).toEqual(
      owed === null
        ? []
        : [
            {
              kind: owed.split(' ')[0],
              key: owed.split(' ')[1],
              paymentRef: P1,
              ref: P1,
              since: order.updatedAt,
            },
          ],
    );
  });

  test(next === null ? 'nothing happens by itself' : `${next[0]} comes by itself`, () => {
    const due = nextDeadline(order);
    expect(due === null ? null : [due.kind, due.at]).toEqual(next);
  });

  test(owed === null && next === null ? 'is settled' : 'is not settled', () => {
    expect(isSettled(order)).toBe(owed === null && next === null);
  });
});

describe('deadlines', () => {
  test("the soonest of several payments' deadlines is next, and all of them come before the order's expiry", () => {
    const waiting = tell(IN_PHASE.awaiting_customer(), pay(2), {
      authorize: {
        type: 'requires_action',
        reference: 'bnk_2',
        action: { ...ACTION, expiresAt: ACTION.expiresAt - SECOND },
      },
    }).order;
    expect(nextDeadline(waiting)).toMatchObject({ paymentRef: P2, at: ACTION.expiresAt - SECOND });
    const late: Order = { ...waiting, expiresAt: T0 };
    expect(nextDeadline(late)).toMatchObject({ kind: 'give_up' });
  });

  test.each([
    ['payment_timed_out', IN_PHASE.awaiting_customer()],
    ['capture_deadline_passed', IN_PHASE.authorized()],
    ['review_timed_out', IN_PHASE.in_review()],
  ])('the reason is %s, and order_cancelled after a cancel', (reason, order) => {
    expect(nextDeadline(order)).toMatchObject({ reason });
    const cancelled = tell(order, { kind: 'cancel' }).order;
    expect(nextDeadline(cancelled)).toMatchObject({ reason: 'order_cancelled', at: cancelled.updatedAt });
  });

  test('a pending refund keeps an order from being settled, its end settles it', () => {
    const pending = tell(IN_PHASE.captured(), refund(), { refund: PENDING }).order;
    expect(obligations(pending)).toEqual([
      { kind: 'refund', paymentRef: P1, ref: R1, key: 'refund-1/refund', since: pending.updatedAt },
    ]);
    expect(isSettled(pending)).toBe(false);
    const done = tell(
      pending,
      { kind: 'progress', obligation: obligations(pending)[0]! },
      { refund: APPROVED },
    );
    expect(isSettled(done.order)).toBe(true);
  });

  test('an expired order is settled, one that still owes an abandon is not', () => {
    expect(isSettled(tell(newOrder(), { kind: 'expire' }).order)).toBe(true);
    expect(isSettled(tell(IN_PHASE.abandoning(), { kind: 'expire' }).order)).toBe(false);
  });
});

describe('asking an order', () => {
  const paid = { authorize: APPROVED, capture: APPROVED };

  test('who holds it: nobody, or the one payment that keeps others from being charged', () => {
    expect(holderOf(newOrder())).toBeUndefined();
    expect(holderOf(IN_PHASE.abandoning())).toBeUndefined();
    expect(holderOf(IN_PHASE.unknown())).toMatchObject({ ref: P1 });
    expect(holderOf(supersededBy({ authorize: APPROVED }, MANUAL))).toMatchObject({ ref: P2 });
  });

  test('who has paid it: nobody, or the one payment that was captured, refunded or not', () => {
    expect(takenOf(IN_PHASE.authorized())).toBeUndefined();
    expect(takenOf(IN_PHASE.captured())).toMatchObject({ ref: P1 });
    expect(takenOf(IN_PHASE.refunded())).toMatchObject({ ref: P1 });
    expect(takenOf(supersededBy(paid))).toMatchObject({ ref: P2 });
  });

  test('whether it can be paid: until it is paid, expired or cancelled', () => {
    expect(isPayable(newOrder())).toBe(true);
    expect(isPayable(IN_PHASE.failed())).toBe(true);
    expect(isPayable(IN_PHASE.captured())).toBe(false);
    expect(isPayable(tell(newOrder(), { kind: 'expire' }).order)).toBe(false);
    expect(isPayable(tell(newOrder(), { kind: 'cancel' }).order)).toBe(false);
  });

  test('whether a command is carried out: a pay by its payment, a refund by its refund, others never for sure', () => {
    const order = tell(IN_PHASE.captured(), refund(), { refund: PENDING }).order;
    expect(isCarriedOut(order, pay())).toBe(true);
    expect(isCarriedOut(order, pay(2))).toBe(false);
    expect(isCarriedOut(order, refund())).toBe(true);
    expect(isCarriedOut(order, refund({ refundRef: 'other' }))).toBe(false);
    expect(isCarriedOut(order, capture())).toBe(false);
  });

  test('the key of a bank step is made of its command and its name', () => {
    expect(bankKey('c', 'authorize')).toBe('c/authorize');
    expect(bankKey('c', 'late_refund')).toBe('c/late_refund');
    expect(payRef(1)).toBe(P1);
  });
});

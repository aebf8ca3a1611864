import { nextDeadline } from './agenda.ts';
import {
  ACTION,
  APPROVED,
  DAY,
  DECLINED,
  IN_PHASE,
  newOrder,
  news,
  owed,
  P1,
  SECOND,
  T0,
  tell,
  typesOf,
  UNKNOWN,
} from './test-story.ts';

const taken = { authorize: APPROVED, capture: APPROVED };
const happened = { type: 'happened', outcome: APPROVED } as const;

describe('deadlines', () => {
  test('the order expires only while it is open and nothing holds it', () => {
    expect(typesOf(tell(newOrder(), { kind: 'expire' }))).toEqual(['order.expired']);
    expect(typesOf(tell(IN_PHASE.failed(), { kind: 'expire' }))).toEqual(['order.expired']);
    for (const order of [IN_PHASE.unknown(), IN_PHASE.authorized(), IN_PHASE.captured()]) {
      expect(typesOf(tell(order, { kind: 'expire' }))).toEqual([]);
    }
    const expired = tell(newOrder(), { kind: 'expire' }).order;
    expect(typesOf(tell(expired, { kind: 'expire' }))).toEqual([]);
  });

  const giveUp = { kind: 'give_up', paymentRef: P1, reason: 'payment_timed_out' } as const;
  test.each([
    ['confirmed → failed', { abandon: { type: 'abandoned' } }, ['payment.failed']],
    ['not confirmed → given up', {}, ['payment.given_up']],
    ['without an answer → given up', { abandon: UNKNOWN }, ['payment.given_up']],
    [
      'too late, approved → paid',
      { abandon: happened, capture: APPROVED },
      ['payment.captured', 'order.paid'],
    ],
    ['too late, declined → failed', { abandon: { type: 'happened', outcome: DECLINED } }, ['payment.failed']],
  ] as const)("the payer's time is over, %s", (_, facts, events) => {
    expect(typesOf(tell(IN_PHASE.awaiting_customer(), giveUp, facts))).toEqual(events);
  });

  test.each(['unknown', 'abandoning', 'authorized', 'captured', 'failed'] as const)(
    "the payer's time does not count for a payment in %s",
    (phase) => {
      expect(typesOf(tell(IN_PHASE[phase](), giveUp, { abandon: { type: 'abandoned' } }))).toEqual([]);
    },
  );

  const release = { kind: 'release', paymentRef: P1, reason: 'capture_deadline_passed' } as const;
  test.each(['authorized', 'in_review'] as const)(
    '%s is released: a void owed, or voided at once',
    (phase) => {
      expect(typesOf(tell(IN_PHASE[phase](), release))).toEqual(['payment.void_requested']);
      const told = tell(IN_PHASE[phase](), release, { void: APPROVED });
      expect(typesOf(told)).toEqual(['payment.void_requested', 'payment.voided']);
      expect(told.order.payments[P1]).toMatchObject({ phase: 'voided', reason: 'capture_deadline_passed' });
    },
  );

  test.each(['capturing', 'voiding', 'captured', 'voided', 'failed', 'unknown'] as const)(
    '%s is not released by a deadline',
    (phase) => {
      expect(typesOf(tell(IN_PHASE[phase](), release))).toEqual([]);
    },
  );

  test('a review has 24 hours, an authorization the window of its order', () => {
    const reviewed = IN_PHASE.in_review();
    expect(nextDeadline(reviewed)).toMatchObject({ at: T0 + SECOND + DAY, reason: 'review_timed_out' });
    expect(nextDeadline(IN_PHASE.authorized())).toMatchObject({ at: T0 + SECOND + 5 * DAY });
    expect(nextDeadline(IN_PHASE.awaiting_customer())).toMatchObject({ at: ACTION.expiresAt });
  });
});

describe('the wish to cancel', () => {
  test.each([
    ['an order that nobody paid → expires at once', newOrder(), 'expire'],
    ['a payer still at the bank → given up at once', IN_PHASE.awaiting_customer(), 'give_up'],
    ['an authorization → released at once', IN_PHASE.authorized(), 'release'],
    ['a review → released at once', IN_PHASE.in_review(), 'release'],
    ['a given up payment → the order expires at once', IN_PHASE.abandoning(), 'expire'],
  ] as const)('%s', (_, order, kind) => {
    const told = tell(order, { kind: 'cancel' });
    expect(typesOf(told)).toEqual(['order.cancel_requested']);
    expect(nextDeadline(told.order)).toMatchObject({ kind, at: told.order.updatedAt });
  });

  test.each(['unknown', 'capturing', 'voiding'] as const)('%s → what is owed comes first', (phase) => {
    const { order } = tell(IN_PHASE[phase](), { kind: 'cancel' });
    expect(nextDeadline(order)).toBeNull();
    expect(owed(order)).toHaveLength(1);
  });

  test('an approval afterwards → a void owed', () => {
    const { order } = tell(IN_PHASE.unknown(), { kind: 'cancel' });
    const told = news(order, taken);
    expect(typesOf(told)).toEqual(['payment.authorized', 'payment.void_requested']);
    expect(told.events[1]).toMatchObject({ data: { reason: 'order_cancelled' } });
  });

  test.each([
    ['paid', IN_PHASE.captured()],
    ['expired', tell(newOrder(), { kind: 'expire' }).order],
    ['cancelled already', tell(newOrder(), { kind: 'cancel' }).order],
  ])('an order that is %s → nothing', (_, order) => {
    expect(typesOf(tell(order, { kind: 'cancel' }))).toEqual([]);
  });
});

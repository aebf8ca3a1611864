import type { Facts, PayCommand } from './commands.ts';
import { judgePay } from './decide.ts';
import { wantsCapture } from './settle.ts';
import { isCarriedOut, type Order } from './order.ts';
import {
  APPROVED,
  BLOCK,
  DECLINED,
  HOUR,
  IN_PHASE,
  MANUAL,
  newOrder,
  news,
  NOT_FOUND,
  owed,
  P1,
  P2,
  pay,
  PENDING,
  REQUIRES_ACTION,
  REVIEW,
  supersededBy,
  tell,
  typesOf,
  UNKNOWN,
} from './test-story.ts';

const taken = { authorize: APPROVED, capture: APPROVED };
const happened = { type: 'happened', outcome: APPROVED } as const;

interface Case {
  readonly title: string;
  readonly order?: Order;
  readonly pay?: Partial<PayCommand>;
  readonly facts: Partial<Facts>;
  /** Without the `payment.` in front. */
  readonly events: readonly string[];
  readonly phase: string;
  readonly status?: Order['status'];
}

const PAYS: Case[] = [
  {
    title: 'approved and captured → paid, and never authorized as a state of its own',
    facts: taken,
    events: ['submitted', 'captured', 'order.paid'],
    phase: 'captured',
    status: 'paid',
  },
  {
    title: 'declined → failed',
    facts: { authorize: DECLINED },
    events: ['submitted', 'failed'],
    phase: 'failed',
  },
  {
    title: 'the payer has to act → waits for the payer',
    facts: { authorize: REQUIRES_ACTION },
    events: ['submitted', 'action_required'],
    phase: 'awaiting_customer',
  },
  {
    title: 'pending → unknown',
    facts: { authorize: PENDING },
    events: ['submitted', 'unknown'],
    phase: 'unknown',
  },
  {
    title: 'no answer → unknown',
    facts: { authorize: UNKNOWN },
    events: ['submitted', 'unknown'],
    phase: 'unknown',
  },
  { title: 'not asked yet → unknown', facts: {}, events: ['submitted', 'unknown'], phase: 'unknown' },
  {
    title: 'the bank never saw the key → given up, not failed',
    facts: { authorize: NOT_FOUND },
    events: ['submitted', 'given_up'],
    phase: 'abandoning',
  },
  {
    title: 'approved, the capture without an answer → capturing',
    facts: { authorize: APPROVED, capture: UNKNOWN },
    events: ['submitted', 'authorized', 'capture_unknown'],
    phase: 'capturing',
  },
  {
    title: 'approved, the capture not asked for yet → capturing',
    facts: { authorize: APPROVED },
    events: ['submitted', 'authorized', 'capture_unknown'],
    phase: 'capturing',
  },
  {
    title: 'approved, the capture declined → a void owed',
    facts: { authorize: APPROVED, capture: DECLINED },
    events: ['submitted', 'authorized', 'void_requested'],
    phase: 'voiding',
  },
  {
    title: 'approved, captured by hand → authorized',
    order: newOrder(MANUAL),
    facts: { authorize: APPROVED },
    events: ['submitted', 'authorized'],
    phase: 'authorized',
  },
  {
    title: 'approved, a rule asks for a review → in review',
    pay: { signals: REVIEW },
    facts: { authorize: APPROVED },
    events: ['submitted', 'authorized', 'review_requested'],
    phase: 'in_review',
  },
  {
    title: 'a rule blocks → failed without the bank',
    pay: { signals: BLOCK },
    facts: {},
    events: ['submitted', 'failed'],
    phase: 'failed',
  },
  {
    title: 'its order was paid meanwhile, the bank approved → a void owed',
    order: supersededBy(taken),
    pay: { id: 'pay-3', paymentId: '0d000000-0000-7000-8000-000000000030', paymentRef: 'pf_pay_3' },
    facts: { authorize: APPROVED },
    events: ['submitted', 'authorized', 'void_requested'],
    phase: 'voiding',
    status: 'paid',
  },
  {
    title: 'stale and given up at the bank → failed',
    facts: { abandon: { type: 'abandoned' } },
    events: ['submitted', 'failed'],
    phase: 'failed',
  },
  {
    title: 'stale, but the bank had approved → captured like any other',
    facts: { abandon: happened, capture: APPROVED },
    events: ['submitted', 'captured', 'order.paid'],
    phase: 'captured',
    status: 'paid',
  },
  {
    title: 'stale, and the bank had declined → failed',
    facts: { abandon: { type: 'happened', outcome: DECLINED } },
    events: ['submitted', 'failed'],
    phase: 'failed',
  },
  {
    title: 'stale, and the bank cannot say yet → given up',
    facts: { abandon: { type: 'not_yet' } },
    events: ['submitted', 'given_up'],
    phase: 'abandoning',
  },
  {
    title: 'stale, and the bank is away → given up',
    facts: { abandon: UNKNOWN },
    events: ['submitted', 'given_up'],
    phase: 'abandoning',
  },
];

describe('a pay', () => {
  test.each(PAYS)(
    '$title',
    ({ order = newOrder(), pay: change, facts, events, phase, status = 'attempted' }) => {
      const command = pay(1, change);
      const told = tell(order, command, facts);
      expect(typesOf(told)).toEqual(events.map((type) => (type.includes('.') ? type : `payment.${type}`)));
      expect(told.order.payments[command.paymentRef]!.phase).toBe(phase);
      expect(told.reply).toMatchObject({
        ok: true,
        order: { status, last_seq: told.order.seq },
        payment: { payment_ref: command.paymentRef, phase },
      });
    },
  );

  test.each([
    ['is paid', IN_PHASE.captured(), 'order_already_paid'],
    ['is paid and refunded', IN_PHASE.refunded(), 'order_already_paid'],
    ['has expired', tell(newOrder(), { kind: 'expire' }).order, 'order_expired'],
    ['was cancelled', tell(newOrder(), { kind: 'cancel' }).order, 'order_expired'],
    ['has a payment in doubt', IN_PHASE.unknown(), 'payment_in_progress'],
    ['has a payment in review', IN_PHASE.in_review(), 'payment_in_progress'],
    ['has an authorized payment', IN_PHASE.authorized(), 'payment_in_progress'],
    ['has a payment being captured', IN_PHASE.capturing(), 'payment_in_progress'],
    ['has a payment being voided', IN_PHASE.voiding(), 'payment_in_progress'],
  ] as const)('of an order that %s is refused: the refusal is an event and the reply', (_, order, reason) => {
    const told = tell(order, pay(2));
    expect(typesOf(told)).toEqual(['command.refused']);
    expect(told.events[0]).toMatchObject({ seq: order.seq + 1, data: { kind: 'pay', reason } });
    expect(told.reply).toEqual({ ok: false, reason, text: null });
  });

  test('of an order past its expiry is carried out: Postgres had accepted it in time', () => {
    const order = newOrder();
    expect(tell(order, pay(), { at: order.expiresAt + HOUR, ...taken }).order.status).toBe('paid');
  });

  test('that was refused and of which the bank will never hear again stays refused', () => {
    const told = tell(IN_PHASE.captured(), pay(2), { abandon: { type: 'abandoned' } });
    expect(told.reply).toEqual({ ok: false, reason: 'order_already_paid', text: null });
  });

  test('that was driven before and charged, of an order paid meanwhile → a void owed, not a refusal', () => {
    const told = tell(IN_PHASE.captured(), pay(2), { abandon: happened });
    expect(typesOf(told)).toEqual(['payment.submitted', 'payment.authorized', 'payment.void_requested']);
    expect(owed(told.order)).toMatchObject([{ kind: 'void', ref: P2, key: 'pay-2/void' }]);
  });

  test('decided twice: the second time it is carried out already, and deciding it again is a fault', () => {
    const { order } = tell(newOrder(), pay(), taken);
    expect(isCarriedOut(newOrder(), pay())).toBe(false);
    expect(isCarriedOut(order, pay())).toBe(true);
    expect(() => tell(order, pay(), taken)).toThrow('submitted already');
  });

  test('may be tried again after a failure', () => {
    const { order } = tell(IN_PHASE.failed(), pay(2), taken);
    expect(order).toMatchObject({ status: 'paid', payments: { [P2]: { phase: 'captured' } } });
  });

  test('is judged by the same facts in the same way, and wants its capture only where nobody is asked first', () => {
    const order = newOrder();
    expect(judgePay(order, pay(1, { signals: BLOCK }))).toEqual({
      flags: ['duplicate_amount'],
      action: 'block',
    });
    expect(wantsCapture(order, { ref: P1, review: false })).toBe(true);
    expect(wantsCapture(order, { ref: P1, review: true })).toBe(false);
    expect(wantsCapture(newOrder(MANUAL), { ref: P1, review: false })).toBe(false);
    expect(wantsCapture(IN_PHASE.unknown(), { ref: P1, review: false })).toBe(true);
    expect(wantsCapture(IN_PHASE.unknown(), { ref: P2, review: false })).toBe(false);
    expect(wantsCapture(IN_PHASE.captured(), { ref: P2, review: false })).toBe(false);
  });
});

describe('news about a payment in doubt', () => {
  const order = IN_PHASE.unknown();
  test.each([
    ['approved and captured → paid', taken, ['payment.captured', 'order.paid']],
    ['declined → given up: it was in doubt once', { authorize: DECLINED }, ['payment.given_up']],
    ['not found → given up', { authorize: NOT_FOUND }, ['payment.given_up']],
    [
      'the payer has to act → waits for the payer',
      { authorize: REQUIRES_ACTION },
      ['payment.action_required'],
    ],
    ['still pending → nothing', { authorize: PENDING }, []],
    ['still unknown → nothing', { authorize: UNKNOWN }, []],
    ['nothing learnt → nothing', {}, []],
  ])('%s', (_, facts, events) => {
    expect(typesOf(news(order, facts))).toEqual(events);
  });

  test('the payer had to act and declined → given up: it was in doubt once', () => {
    const waiting = news(order, { authorize: REQUIRES_ACTION }).order;
    expect(typesOf(news(waiting, { authorize: DECLINED }))).toEqual(['payment.given_up']);
  });

  test('the payer had to act, and the bank confirms that it ended declined → failed', () => {
    const waiting = news(order, { authorize: REQUIRES_ACTION }).order;
    const abandon = { type: 'happened', outcome: DECLINED } as const;
    const told = tell(waiting, { kind: 'give_up', paymentRef: P1, reason: 'payment_timed_out' }, { abandon });
    expect(told.events).toMatchObject([{ type: 'payment.failed', data: { reason: 'insufficient_funds' } }]);
  });
});

describe('news about a payment that waits for its payer', () => {
  const order = IN_PHASE.awaiting_customer();
  test.each([
    ['approved and captured → paid', taken, ['payment.captured', 'order.paid']],
    ['declined → failed', { authorize: DECLINED }, ['payment.failed']],
    ['not found → given up', { authorize: NOT_FOUND }, ['payment.given_up']],
    ['the same again → nothing', { authorize: REQUIRES_ACTION }, []],
    ['pending → nothing', { authorize: PENDING }, []],
  ])('%s', (_, facts, events) => {
    expect(typesOf(news(order, facts))).toEqual(events);
  });
});

describe('a payment that was given up', () => {
  const order = IN_PHASE.abandoning();
  test.each([
    ['can never succeed → failed', { abandon: { type: 'abandoned' } }, ['payment.failed']],
    ['had been declined → failed', { abandon: { type: 'happened', outcome: DECLINED } }, ['payment.failed']],
    ['cannot be told about yet → nothing', { abandon: { type: 'not_yet' } }, []],
    ['is asked about in vain → nothing', { abandon: UNKNOWN }, []],
    [
      'succeeds late while the order is unpaid → told as late, captured, paid',
      { abandon: happened, capture: APPROVED },
      ['payment.late_authorized', 'payment.captured', 'order.paid'],
    ],
    [
      'succeeds late, the capture without an answer → capturing',
      { abandon: happened },
      ['payment.late_authorized', 'payment.capture_unknown'],
    ],
  ] as const)('%s', (_, facts, events) => {
    expect(typesOf(news(order, facts))).toEqual(events);
  });

  test.each([
    ['after another one has paid', supersededBy(taken), 'superseded'],
    ['while another one is in doubt', supersededBy({ authorize: UNKNOWN }), 'superseded'],
    ['while another one is held', supersededBy({ authorize: APPROVED }, MANUAL), 'superseded'],
    ['after the order has expired', tell(order, { kind: 'expire' }).order, 'order_expired'],
    ['after the order was cancelled', tell(order, { kind: 'cancel' }).order, 'order_cancelled'],
  ])('succeeds late %s → told as late, a void owed', (_, late, reason) => {
    const index = owed(late).findIndex(({ ref }) => ref === P1);
    const told = news(late, { abandon: happened, capture: APPROVED }, index);
    expect(typesOf(told)).toEqual(['payment.late_authorized', 'payment.void_requested']);
    expect(told.events[1]).toMatchObject({ data: { reason, key: 'pay-1/void' } });
  });

  test('fails with the reason why it was given up', () => {
    const declined = news(IN_PHASE.unknown(), { authorize: DECLINED }).order;
    const told = news(declined, { abandon: { type: 'abandoned' } });
    expect(told.events).toMatchObject([{ type: 'payment.failed', data: { reason: 'insufficient_funds' } }]);
  });
});

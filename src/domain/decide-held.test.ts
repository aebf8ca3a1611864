import type { Command, Facts } from './commands.ts';
import { isSettled, nextDeadline } from './agenda.ts';
import { isCarriedOut, type Order } from './order.ts';
import { PHASES, type Phase } from './payment.ts';
import {
  APPROVED,
  capture,
  DECLINED,
  IN_PHASE,
  MANUAL,
  newOrder,
  news,
  owed,
  P1,
  pay,
  PENDING,
  R1,
  R2,
  refund,
  repair,
  review,
  REVIEW,
  secondRefund,
  T0,
  tell,
  typesOf,
  UNKNOWN,
  voidOf,
} from './test-story.ts';

const alreadyCaptured = { type: 'already_captured', amount: 49_900 } as const;
const phaseOf = (order: Order, ref = P1) => order.payments[ref]!.phase;

describe('every command about a payment, in every phase, is either carried out or refused with these words', () => {
  const NAMES: Partial<Record<Phase, string>> = { voided: 'voided', in_review: 'in_review' };
  const GENERIC = { refunded: 'refunded', captured: 'captured', failed: 'failed' } as const;
  const shown = (phase: Phase) => {
    if (phase in GENERIC) return phase;
    return ['authorized', 'in_review', 'capturing', 'voiding'].includes(phase) ? 'authorized' : 'created';
  };
  const named = (phase: Phase) => NAMES[phase] ?? shown(phase);
  const status = (phase: Phase) => (phase === 'voided' ? 'failed' : shown(phase));
  const commands: [Command, readonly Phase[], string, ((phase: Phase) => string) | null][] = [
    [capture(), ['authorized'], 'cannot_capture', (p) => `Cannot capture payment in status '${named(p)}'`],
    [
      voidOf(),
      ['authorized', 'in_review', 'capturing'],
      'cannot_void',
      (p) => `Cannot void payment in status '${named(p)}'`,
    ],
    [refund(), ['captured'], 'cannot_refund', (p) => `Cannot refund payment with status '${status(p)}'`],
    [review(true), ['in_review'], 'cannot_review', null],
    [review(false), ['in_review'], 'cannot_review', null],
    [repair('ask'), PHASES, 'cannot_repair', null],
    [repair('confirm_captured'), ['unknown', 'abandoning', 'capturing', 'voiding'], 'cannot_repair', null],
    [repair('confirm_failed'), ['unknown', 'abandoning'], 'cannot_repair', null],
    [repair('extend', { until: T0 }), ['authorized', 'in_review'], 'cannot_repair', null],
  ];
  const cells = commands.flatMap(([command, allowed, reason, text]) =>
    PHASES.map((phase) => ({
      what: 'action' in command ? `${command.kind} ${command.action}` : command.kind,
      command,
      phase,
      refused: allowed.includes(phase) ? null : { ok: false, reason, text: text?.(phase) ?? null },
    })),
  );
  test.each(cells)('$what in $phase', ({ command, phase, refused }) => {
    const told = tell(IN_PHASE[phase](), command);
    if (refused === null) {
      expect(told.reply).toMatchObject({ ok: true, payment: { payment_ref: P1 } });
      expect(typesOf(told)).not.toContain('command.refused');
    } else {
      expect(told.reply).toEqual(refused);
      expect(typesOf(told)).toEqual(['command.refused']);
    }
  });

  test.each(commands)('%j about a payment that is not there is refused', (command) => {
    const told = tell(newOrder(), command);
    expect(told.reply).toEqual({ ok: false, reason: 'payment_not_found', text: null });
    expect(typesOf(told)).toEqual(['command.refused']);
  });
});

describe('a capture by hand', () => {
  const order = IN_PHASE.authorized();

  test('approved → captured, and the order is paid', () => {
    const told = tell(order, capture(), { capture: APPROVED });
    expect(typesOf(told)).toEqual(['payment.captured', 'order.paid']);
    expect(told.reply).toMatchObject({ order: { status: 'paid', amount_paid: 49_900 } });
  });

  test('of a part → that part is captured and the order is paid', () => {
    const told = tell(order, capture({ amount: 10_000 }), { capture: APPROVED });
    expect(told.reply).toMatchObject({
      order: { status: 'paid', amount: 49_900, amount_paid: 10_000 },
      payment: { amount: 49_900, amount_captured: 10_000 },
    });
  });

  test('of more than was authorized → refused', () => {
    const told = tell(order, capture({ amount: 49_901 }), { capture: APPROVED });
    expect(told.reply).toMatchObject({ ok: false, reason: 'capture_exceeds_authorization' });
    expect(phaseOf(told.order)).toBe('authorized');
  });

  test('declined → refused, and the authorization stands', () => {
    const told = tell(order, capture(), { capture: DECLINED });
    expect(told.reply).toMatchObject({ ok: false, reason: 'capture_declined' });
    expect(phaseOf(told.order)).toBe('authorized');
  });

  test.each([
    ['unknown', UNKNOWN],
    ['pending', PENDING],
  ])('%s → capturing under its own key', (_, outcome) => {
    const told = tell(order, capture({ amount: 10_000 }), { capture: outcome });
    expect(owed(told.order)).toMatchObject([{ kind: 'capture', ref: P1, key: 'capture-1/capture' }]);
    expect(news(told.order, { capture: APPROVED }).order.payments[P1]).toMatchObject({
      amountCaptured: 10_000,
    });
  });

  test('declined at last → authorized again, its merchant decides what next', () => {
    const capturing = tell(order, capture(), { capture: UNKNOWN }).order;
    const told = news(capturing, { capture: DECLINED });
    expect(typesOf(told)).toEqual(['payment.capture_declined']);
    expect(nextDeadline(told.order)).toMatchObject({ kind: 'release', paymentRef: P1 });
  });

  test('decided twice → refused the second time, never captured again', () => {
    const once = tell(order, capture(), { capture: APPROVED }).order;
    expect(typesOf(tell(once, capture(), { capture: APPROVED }))).toEqual(['command.refused']);
  });
});

describe('an automatic capture that was in doubt', () => {
  const order = IN_PHASE.capturing();
  test.each([
    ['approved → captured, paid', { capture: APPROVED }, ['payment.captured', 'order.paid']],
    ['declined → a void owed', { capture: DECLINED }, ['payment.capture_declined', 'payment.void_requested']],
    ['unknown → nothing', { capture: UNKNOWN }, []],
    ['pending → nothing', { capture: PENDING }, []],
  ])('%s', (_, facts, events) => {
    expect(typesOf(news(order, facts))).toEqual(events);
  });
});

describe('a void', () => {
  const order = IN_PHASE.authorized();
  test.each([
    ['approved → voided', { void: APPROVED }, ['payment.void_requested', 'payment.voided'], 'voided'],
    ['without an answer → owed', { void: UNKNOWN }, ['payment.void_requested'], 'voiding'],
    ['not asked for yet → owed', {}, ['payment.void_requested'], 'voiding'],
    ['declined → still owed', { void: DECLINED }, ['payment.void_requested'], 'voiding'],
    ['pending → still owed', { void: PENDING }, ['payment.void_requested'], 'voiding'],
    [
      'meets a capture → captured, and its refund owed',
      { void: alreadyCaptured },
      ['payment.void_requested', 'payment.captured', 'order.paid', 'refund.created'],
      'captured',
    ],
  ])('%s', (_, facts, events, phase) => {
    const told = tell(order, voidOf(), facts);
    expect(typesOf(told)).toEqual(events);
    expect(phaseOf(told.order)).toBe(phase);
    expect(told.reply).toMatchObject({ ok: true, payment: { phase } });
  });

  test('is owed under the key of its own command', () => {
    expect(owed(tell(order, voidOf()).order)).toMatchObject([{ kind: 'void', key: 'void-1/void' }]);
  });

  test('of a capture in doubt → the capture is not asked about any more, the void tells', () => {
    const { order: voiding } = tell(IN_PHASE.capturing(), voidOf());
    expect(owed(voiding)).toMatchObject([{ kind: 'void' }]);
    const told = news(voiding, { void: { type: 'already_captured', amount: 49_900 } });
    expect(typesOf(told)).toEqual(['payment.captured', 'order.paid', 'refund.created']);
    expect(owed(told.order)).toMatchObject([{ kind: 'refund', key: 'pay-1/late_refund' }]);
    const back = news(told.order, { refund: APPROVED });
    expect(typesOf(back)).toEqual(['refund.processed', 'payment.refunded']);
    expect(isSettled(back.order)).toBe(true);
  });

  test('the refund that nobody asked for has a ref and a UUID of its own, the same at every repeat', () => {
    const refundOf = () => Object.values(tell(order, voidOf(), { void: alreadyCaptured }).order.refunds)[0]!;
    expect(refundOf()).toEqual(refundOf());
    expect(refundOf().ref).toMatch(/^pf_rfnd_/);
    expect(refundOf().id).toMatch(/^[0-9a-f-]{36}$/);
    expect(refundOf().id).not.toBe(pay().paymentId);
  });

  test('late news about it after its end → nothing', () => {
    const obligation = owed(tell(order, voidOf()).order)[0]!;
    const told = tell(IN_PHASE.voided(), { kind: 'progress', obligation }, { void: APPROVED });
    expect(typesOf(told)).toEqual([]);
  });
});

test.each([
  ['void', IN_PHASE.authorized(), voidOf(), { void: APPROVED }, 'cannot_void'],
  ['void that is still owed', IN_PHASE.authorized(), voidOf(), {}, 'cannot_void'],
  ['approval in review', IN_PHASE.in_review(), review(true), { capture: APPROVED }, 'cannot_review'],
  ['rejection in review', IN_PHASE.in_review(), review(false), { void: APPROVED }, 'cannot_review'],
  ['confirmed failure', IN_PHASE.unknown(), repair('confirm_failed'), {}, 'cannot_repair'],
  ['confirmed capture', IN_PHASE.unknown(), repair('confirm_captured'), {}, 'cannot_repair'],
] as const)(
  'a %s decided twice → refused the second time, and nothing moves',
  (_, order, command, facts, reason) => {
    const once = tell(order, command, facts);
    const twice = tell(once.order, command, facts);
    expect(once.reply).toMatchObject({ ok: true });
    expect(twice.reply).toMatchObject({ ok: false, reason });
    expect(typesOf(twice)).toEqual(['command.refused']);
  },
);

describe('a refund', () => {
  const order = IN_PHASE.captured();
  const part = (amount: number, facts: Partial<Facts>, from = order) => tell(from, refund({ amount }), facts);

  test('of everything, approved → processed, the payment is refunded', () => {
    const told = tell(order, refund(), { refund: APPROVED });
    expect(typesOf(told)).toEqual(['refund.created', 'refund.processed', 'payment.refunded']);
    expect(told.reply).toMatchObject({
      ok: true,
      order: { amount_refunded: 49_900, amount_reserved: 49_900 },
      payment: { phase: 'refunded', amount_refunded: 49_900 },
      refund: { status: 'processed', amount: 49_900 },
    });
  });

  test('of a part, approved → processed, the payment stays captured', () => {
    const told = part(10_000, { refund: APPROVED });
    expect(typesOf(told)).toEqual(['refund.created', 'refund.processed']);
    expect(phaseOf(told.order)).toBe('captured');
  });

  test('of the rest after a part → exactly the rest, the payment is refunded', () => {
    const once = part(10_000, { refund: APPROVED }).order;
    const told = tell(once, secondRefund(), { refund: APPROVED });
    expect(told.order.refunds[R2]).toMatchObject({ amount: 39_900 });
    expect(phaseOf(told.order)).toBe('refunded');
  });

  test.each([
    ['more than was captured', 49_901],
    ['nothing', 0],
    ['less than nothing', -1],
  ])('of %s → refused with both amounts', (_, amount) => {
    const told = part(amount, { refund: APPROVED });
    expect(told.reply).toEqual({
      ok: false,
      reason: 'refund_exceeds_refundable',
      text: `Refund amount ${amount} exceeds refundable amount 49900`,
    });
  });

  test('pending → owed, and what it reserves cannot be refunded again', () => {
    const { order: pending, reply } = part(40_000, { refund: PENDING });
    expect(reply).toMatchObject({ ok: true, refund: { status: 'pending' } });
    expect(owed(pending)).toMatchObject([{ kind: 'refund', ref: R1, key: 'refund-1/refund' }]);
    const second = tell(pending, secondRefund({ amount: 9_901 }), { refund: APPROVED });
    expect(second.reply).toMatchObject({ text: 'Refund amount 9901 exceeds refundable amount 9900' });
    expect(news(pending, { refund: APPROVED }).order.payments[P1]).toMatchObject({ amountRefunded: 40_000 });
  });

  test('declined → failed at once, and what it reserved is free again', () => {
    const told = part(40_000, { refund: DECLINED });
    expect(typesOf(told)).toEqual(['refund.created', 'refund.failed']);
    expect(told.reply).toMatchObject({
      ok: true,
      refund: { status: 'failed', error_reason: 'insufficient_funds' },
    });
    expect(tell(told.order, secondRefund(), { refund: APPROVED }).order.payments[P1]!.phase).toBe('refunded');
  });

  test('declined after pending → failed, its payment stays captured', () => {
    const { order: pending } = tell(order, refund(), { refund: PENDING });
    const told = news(pending, { refund: DECLINED });
    expect(typesOf(told)).toEqual(['refund.failed']);
    expect(told.order.payments[P1]).toMatchObject({
      phase: 'captured',
      amountReserved: 0,
      amountRefunded: 0,
    });
  });

  test('news about it a second time → nothing', () => {
    const { order: pending } = part(10_000, { refund: PENDING });
    const obligation = owed(pending)[0]!;
    const done = news(pending, { refund: APPROVED }).order;
    expect(typesOf(tell(done, { kind: 'progress', obligation }, { refund: DECLINED }))).toEqual([]);
  });

  test('decided twice: the second time it is carried out already, and deciding it again is a fault', () => {
    const { order: once } = part(10_000, { refund: PENDING });
    expect(isCarriedOut(order, refund())).toBe(false);
    expect(isCarriedOut(once, refund())).toBe(true);
    expect(() => part(10_000, { refund: PENDING }, once)).toThrow('created already');
  });
});

describe('a review', () => {
  const order = IN_PHASE.in_review();
  const manual = tell(newOrder(MANUAL), pay(1, { signals: REVIEW }), { authorize: APPROVED }).order;
  test.each([
    [
      'approved → captured at once',
      order,
      true,
      { capture: APPROVED },
      ['payment.approved_in_review', 'payment.captured', 'order.paid'],
    ],
    [
      'approved, the capture in doubt → capturing',
      order,
      true,
      {},
      ['payment.approved_in_review', 'payment.capture_unknown'],
    ],
    [
      'approved, the capture declined → a void owed',
      order,
      true,
      { capture: DECLINED },
      ['payment.approved_in_review', 'payment.void_requested'],
    ],
    ['approved, captured by hand → authorized', manual, true, {}, ['payment.approved_in_review']],
    ['rejected → voided', order, false, { void: APPROVED }, ['payment.void_requested', 'payment.voided']],
    ['rejected without an answer → a void owed', order, false, {}, ['payment.void_requested']],
  ] as const)('%s', (_, from, approve, facts, events) => {
    const told = tell(from, review(approve), facts);
    expect(typesOf(told)).toEqual(events);
    expect(told.reply).toMatchObject({ ok: true });
  });

  test('rejected → the payment tells why', () => {
    const told = tell(order, review(false), { void: APPROVED });
    expect(told.reply).toMatchObject({ payment: { phase: 'voided', error_reason: 'review_rejected' } });
  });
});

describe('a repair', () => {
  test.each(PHASES)('ask, in %s → on record, and changes nothing', (phase) => {
    const told = tell(IN_PHASE[phase](), repair('ask'));
    expect(typesOf(told)).toEqual(['payment.repaired']);
    expect(phaseOf(told.order)).toBe(phase);
  });

  test.each(['unknown', 'abandoning', 'capturing', 'voiding'] as const)(
    'confirm captured, in %s → paid',
    (phase) => {
      const told = tell(IN_PHASE[phase](), repair('confirm_captured', { reference: 'bnk_9' }));
      expect(typesOf(told)).toEqual(['payment.repaired', 'payment.captured', 'order.paid']);
      expect(told.reply).toMatchObject({ order: { status: 'paid', amount_paid: 49_900 } });
      expect(owed(told.order)).toEqual([]);
    },
  );

  test("confirm captured without the bank's reference → the known one, else words that say so", () => {
    const known = tell(IN_PHASE.capturing(), repair('confirm_captured'));
    expect(known.reply).toMatchObject({ payment: { acquirer_reference: 'bnk_1' } });
    const unknown = tell(IN_PHASE.unknown(), repair('confirm_captured'));
    expect(unknown.reply).toMatchObject({ payment: { acquirer_reference: 'confirmed by hand' } });
  });

  test('confirm captured of a part that was being captured → that part', () => {
    const capturing = tell(IN_PHASE.authorized(), capture({ amount: 10_000 }), { capture: UNKNOWN }).order;
    const told = tell(capturing, repair('confirm_captured'));
    expect(told.reply).toMatchObject({ payment: { amount_captured: 10_000 } });
  });

  test.each(['unknown', 'abandoning'] as const)('confirm failed, in %s → failed', (phase) => {
    const told = tell(IN_PHASE[phase](), repair('confirm_failed'));
    expect(typesOf(told)).toEqual(['payment.repaired', 'payment.failed']);
    expect(told.reply).toMatchObject({ payment: { phase: 'failed', error_reason: 'confirmed_failed' } });
  });

  test.each(['authorized', 'in_review'] as const)('extend, in %s → a later deadline', (phase) => {
    const order = IN_PHASE[phase]();
    const until = nextDeadline(order)!.at + 1_000;
    const told = tell(order, repair('extend', { until }));
    expect(typesOf(told)).toEqual(['payment.repaired', 'payment.deadline_extended']);
    expect(nextDeadline(told.order)!.at).toBe(until);
  });

  test('extend without a time → on record, and nothing else', () => {
    expect(typesOf(tell(IN_PHASE.authorized(), repair('extend')))).toEqual(['payment.repaired']);
  });
});

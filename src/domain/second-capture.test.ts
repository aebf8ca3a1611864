import { isSettled } from './agenda.ts';
import type { Order } from './order.ts';
import {
  APPROVED,
  capture,
  DECLINED,
  MANUAL,
  news,
  owed,
  P1,
  P2,
  repair,
  supersededBy,
  tell,
  typesOf,
  UNKNOWN,
} from './test-story.ts';

/** One capture per order, also where a payment that was given up turns out to have succeeded. */

const alreadyCaptured = { type: 'already_captured', amount: 49_900 } as const;
const phaseOf = (order: Order, ref = P1) => order.payments[ref]!.phase;

describe('money that the bank took a second time for one order', () => {
  const paid = supersededBy({ authorize: APPROVED, capture: APPROVED });
  const late = news(paid, { abandon: { type: 'happened', outcome: APPROVED } }).order;
  const told = news(late, { void: alreadyCaptured });

  test('is given back at once, and the order stays paid by the first', () => {
    expect(phaseOf(late)).toBe('voiding');
    expect(typesOf(told)).toEqual(['refund.created']);
    expect(told.order.payments).toMatchObject({ [P1]: { phase: 'voiding' }, [P2]: { phase: 'captured' } });
    expect(owed(told.order)).toMatchObject([{ kind: 'refund', paymentRef: P1, key: 'pay-1/late_refund' }]);
  });

  test('given back → its payment is voided and the run may end', () => {
    const back = news(told.order, { refund: APPROVED });
    expect(typesOf(back)).toEqual(['refund.processed', 'payment.voided']);
    expect(isSettled(back.order)).toBe(true);
  });

  test('not taken back by the bank → the failed refund is told, and the run may end', () => {
    const back = news(told.order, { refund: DECLINED });
    expect(typesOf(back)).toEqual(['refund.failed', 'payment.voided']);
    expect(isSettled(back.order)).toBe(true);
  });

  test('told of again → nothing', () => {
    const obligation = owed(late)[0]!;
    expect(typesOf(tell(told.order, { kind: 'progress', obligation }, { void: alreadyCaptured }))).toEqual(
      [],
    );
  });
});

describe('somebody saw the capture of a payment at the bank', () => {
  test('confirm captured while another one has paid → not a second capture: what is owed goes on', () => {
    const order = supersededBy({ authorize: APPROVED, capture: APPROVED });
    const told = tell(order, repair('confirm_captured'));
    expect(typesOf(told)).toEqual(['payment.repaired']);
    expect(owed(told.order)).toMatchObject([{ kind: 'abandon', ref: P1 }]);
  });

  test.each([
    ['authorized', MANUAL, { authorize: APPROVED }],
    ['capturing', {}, { authorize: APPROVED, capture: UNKNOWN }],
  ] as const)(
    'confirm captured while another one is %s → that one is owed its release',
    (_, mode, second) => {
      const told = tell(supersededBy(second, mode), repair('confirm_captured'));
      expect(phaseOf(told.order)).toBe('captured');
      expect(told.order.payments[P2]).toMatchObject({ phase: 'voiding', reason: 'superseded' });
      const late = tell(told.order, capture({ paymentRef: P2 }), { capture: APPROVED });
      expect(late.reply).toMatchObject({ ok: false, reason: 'cannot_capture' });
    },
  );
});

import { unknownCharge } from './compare-bank.ts';
import { compareOrder } from './compare-order.ts';
import { compareSequence, compareSequenceEnd } from './compare-sequence.ts';
import { differenceLine, DIFFERENCES, shown } from './difference.ts';
import type { OrderRecords } from './order-records.ts';
import { entry, NOW, paidRecords, REF, TIME } from './test-records.ts';

const codesOf = (records: OrderRecords) => compareOrder(records, NOW).map(({ code }) => code);
const linesOf = (records: OrderRecords) => compareOrder(records, NOW).map(differenceLine);
const paid = paidRecords();

/** The same with its payment in another phase, in the table alone. */
function withPayment(change: Partial<OrderRecords['payments'][number]>, more: Partial<OrderRecords> = {}) {
  return { ...paid, payments: paid.payments.map((row) => ({ ...row, ...change })), ...more };
}

function withDelivery(change: Partial<OrderRecords['deliveries'][number]>): OrderRecords {
  return { ...paid, deliveries: paid.deliveries.map((row) => ({ ...row, ...change })) };
}

test('an order on which the bank and all tables agree → no differences', () => {
  expect(linesOf(paid)).toEqual([]);
});

test('a difference is one line: the order, what is compared, both sides, the code', () => {
  const lines = linesOf({ ...paid, ledger: [] });
  expect(lines).toContain(`${REF} capture: bank 49900 INR, ledger 0 [bank_capture]`);
  expect(lines).toContain(`${REF} ledger_entries 3/1: events 49900 INR, table nothing [row_missing]`);
});

test('a long value is cut', () => {
  expect(shown('x'.repeat(1_000)).length).toBeLessThan(200);
});

describe('the bank', () => {
  test.each<[string, OrderRecords, string[]]>([
    [
      'nothing captured at the bank',
      paidRecords({ journal: [entry('authorize')] }),
      ['bank_capture', 'bank_hold_forgotten'],
    ],
    [
      'captured in another currency',
      paidRecords({ journal: [entry('authorize'), entry('capture', { currency: 'USD' })] }),
      ['bank_capture'],
    ],
    [
      'a second capture',
      paidRecords({ journal: [...paid.journal, entry('capture')] }),
      ['bank_capture', 'bank_captured_twice'],
    ],
    [
      'a second capture that was given back unseen',
      paidRecords({ journal: [...paid.journal, entry('capture'), entry('refund')] }),
      ['bank_capture', 'bank_refund'],
    ],
    [
      'more given back than taken',
      paidRecords({ journal: [...paid.journal, entry('refund', { amount: 49_901 })] }),
      ['bank_refund', 'bank_over_refunded'],
    ],
    [
      'money moved under a key of nobody',
      paidRecords({ journal: [...paid.journal, entry('void', { key: 'who/void' })] }),
      ['bank_command_unknown'],
    ],
    [
      'a key closed for good',
      paidRecords({ journal: [...paid.journal, entry('abandon', { key: 'who/authorize' })] }),
      [],
    ],
  ])('%s', (_, records, codes) => {
    expect(codesOf(records)).toEqual(codes);
  });

  test('captured for a payment that ended as failed → unrecorded', () => {
    const records = withPayment({ phase: 'failed', amount_captured: 0 });
    expect(codesOf(records)).toContain('bank_capture_unrecorded');
  });

  test('the bank may know more than we do only while a payment is under way', () => {
    const moving = withPayment({ phase: 'capturing', amount_captured: 0 }, { ledger: [] });
    expect(codesOf(moving).filter((code) => code.startsWith('bank_'))).toEqual([]);
    const less = { ...moving, ledger: paid.ledger, journal: [] };
    expect(codesOf(less)).toContain('bank_capture');
  });

  test('a charge for an order that is in no table', () => {
    expect(unknownCharge(entry('capture', { order_ref: 'pf_order_x' }))).toMatchObject({
      code: 'bank_order_unknown',
      ref: 'pf_order_x',
    });
  });
});

describe('events', () => {
  const without = (seq: number) => paid.events.filter(({ order_seq }) => order_seq !== seq);

  test.each([1, 2, 3, 4])('event %d is missing → a gap', (seq) => {
    expect(codesOf({ ...paid, events: without(seq) })).toContain('event_gap');
  });

  test('events that contradict each other cannot be folded', () => {
    const events = paid.events.map((event) =>
      event.order_seq === 4 ? { ...event, type: 'payment.voided' } : event,
    );
    expect(codesOf({ ...paid, events })).toContain('event_unfoldable');
  });

  test('a batch without events, and events without a batch', () => {
    const batches = [...paid.batches, { order_ref: REF, after_seq: 4, command_id: null }];
    expect(codesOf({ ...paid, batches })).toEqual(['event_batch']);
    expect(codesOf({ ...paid, batches: paid.batches.slice(0, 1) })).toContain('event_batch');
  });

  test('what merchants are told is what the events say', () => {
    const events = paid.events.map((event) =>
      event.payload === null ? event : { ...event, payload: { ...event.payload, amount: 1 } },
    );
    expect(codesOf({ ...paid, events })).toEqual(['row_differs', 'row_differs']);
  });
});

describe('rows', () => {
  test.each(Object.keys(paid.payments[0]!))('another %s of a payment is seen', (column) => {
    const payments = paid.payments.map((row) => ({ ...row, [column]: 'other' }));
    expect(linesOf({ ...paid, payments }).join('\n')).toMatch(/row_differs|row_missing/);
  });

  test.each(Object.keys(paid.order).filter((name) => name !== 'order_ref'))(
    'another %s of the order is seen',
    (column) => {
      const order = { ...paid.order, [column]: column === 'due_at' ? TIME : -1 };
      expect(
        codesOf({ ...paid, order }).filter((code) => /^(row_differs|event_gap)$/.test(code)),
      ).not.toEqual([]);
    },
  );

  test('a row that no event makes', () => {
    const extra = { ...paid.ledger[0]!, order_seq: 9 };
    expect(codesOf({ ...paid, ledger: [...paid.ledger, extra] })).toContain('row_unexpected');
  });
});

describe('commands', () => {
  const [create, pay] = [paid.commands[0]!, paid.commands[1]!];

  test('no reply for more than a minute', () => {
    const asked = { ...pay, id: 'asked', reply: null };
    const commands = (accepted_at: string) => [create, pay, { ...asked, accepted_at }];
    expect(codesOf({ ...paid, commands: commands(TIME) })).toEqual(['command_unanswered']);
    expect(codesOf({ ...paid, commands: commands(new Date(NOW - 1_000).toISOString()) })).toEqual([]);
  });

  test.each([
    ['a refusal of what was carried out', { ok: false, reason: 'payment_declined', text: null } as const],
    ['another status', { ...pay.reply, payment: { ...paid.payments[0]!, status: 'failed' } } as never],
    [
      'a payment that is not there',
      { ...pay.reply, payment: { ...paid.payments[0]!, payment_ref: 'x' } } as never,
    ],
  ])('a reply that is %s', (_, reply) => {
    expect(codesOf({ ...paid, commands: [create, { ...pay, reply }] })).toEqual(['reply_differs']);
  });

  test('a reply without a batch differs, unless it was refused before it was accepted', () => {
    const answered = { ...pay, id: 'answered' };
    expect(codesOf({ ...paid, commands: [create, pay, answered] })).toEqual(['reply_differs']);
    const refused = {
      ...answered,
      args: {},
      reply: { ok: false, reason: 'payment_declined', text: null } as const,
    };
    expect(codesOf({ ...paid, commands: [create, pay, refused] })).toEqual([]);
  });

  test('a command that two batches name, and one that is not there', () => {
    const batches = paid.batches.map((batch) => ({ ...batch, command_id: pay.id }));
    expect(codesOf({ ...paid, batches })).toContain('command_batches');
    expect(codesOf({ ...paid, commands: [create] })).toContain('command_missing');
  });
});

describe('deliveries', () => {
  test.each<[string, OrderRecords, string[]]>([
    ['none', { ...paid, deliveries: [] }, ['delivery_missing']],
    [
      'none yet, and still in the outbox',
      { ...paid, deliveries: [], outbox: [paid.events[3]!.id] },
      ['outbox_stuck'],
    ],
    [
      'none to an endpoint that came later',
      { ...paid, deliveries: [], endpoints: [{ ...paid.endpoints[0]!, since: '2026-12-01' }] },
      [],
    ],
    [
      'none where nobody can tell since when',
      { ...paid, deliveries: [], endpoints: [{ ...paid.endpoints[0]!, since: null }] },
      [],
    ],
    ['delivered without a successful attempt', withDelivery({ succeeded: false }), ['delivery_unproven']],
    ['pending for an hour', withDelivery({ status: 'pending' }), ['delivery_overdue']],
    ['pending behind retries', withDelivery({ status: 'pending', held: true }), []],
    [
      'a retry that was due an hour ago',
      withDelivery({ status: 'retrying', next_attempt_at: TIME }),
      ['delivery_overdue'],
    ],
    ['given up', withDelivery({ status: 'failed', succeeded: false }), []],
  ])('%s', (_, records, codes) => {
    expect([...new Set(codesOf(records))]).toEqual(codes);
  });
});

test('something due an hour ago that has not happened → overdue', () => {
  expect(codesOf({ ...paid, order: { ...paid.order, due_at: TIME } })).toContain('order_overdue');
});

describe("a merchant's sequence", () => {
  test.each<[string, number, number[], number]>([
    ['goes on without a gap', 4, [5, 6, 7], 0],
    ['begins later', 0, [2, 3], 1],
    ['has two gaps', 0, [1, 3, 4, 9], 2],
  ])('%s', (_, after, found, gaps) => {
    expect(compareSequence({ merchantId: 'm', after, found })).toHaveLength(gaps);
  });

  test('ends where the counter stands', () => {
    expect(compareSequenceEnd('m', { counter: 3, last: 3 })).toEqual([]);
    expect(compareSequenceEnd('m', { counter: 4, last: 3 })).toMatchObject([{ ref: 'merchant m' }]);
  });
});

test('codes are words that a script can rely on', () => {
  for (const code of Object.keys(DIFFERENCES)) expect(code).toMatch(/^[a-z]+(_[a-z]+)+$/);
});

import { createOrder } from '../testing/factories.ts';
import type { DifferenceCode } from './difference.ts';
import { createAuditWorld, type AuditWorld, type Fault, type Journal } from './test-world.ts';

const WORLD_MS = 120_000;
const TEN_MINUTES_MS = 10 * 60_000;
const FAULTS = 15;

let world: AuditWorld;
beforeAll(async () => {
  world = await createAuditWorld();
}, WORLD_MS);
afterAll(() => world.close());

test('orders of all paths, with their webhooks delivered → no differences', async () => {
  expect(Object.keys(world.orders)).toHaveLength(12);
  expect(await world.audit()).toEqual([]);
});

interface Planted {
  readonly title: string;
  /** The scenario whose order it happens to. */
  readonly order: string;
  readonly code: DifferenceCode;
  readonly fault: (orderRef: string) => Fault;
  /** It leaves a hole in the merchant's numbers too. */
  readonly touchesSequence?: true;
}

/** One statement about one order, whose ref is $1. */
const sql = (text: string) => (orderRef: string) => ({ sql: [text, orderRef] as const });
/** The entry of this order and kind, and what becomes of it in the bank's journal. */
const atBank =
  (kind: string, change: (entry: Parameters<Journal>[0][number]) => ReturnType<Journal>) =>
  (orderRef: string): Fault => ({
    journal: (entries) =>
      entries.flatMap((entry) =>
        entry.order_ref === orderRef && entry.kind === kind ? change(entry) : [entry],
      ),
  });
/** Ids that the bank is not going to use in this test. */
const LATER_ID = 1_000_000;

const PLANTED: readonly Planted[] = [
  {
    title: 'a row of the ledger is gone',
    order: 'paid',
    code: 'row_missing',
    fault: sql('delete from ledger_entries where order_ref = $1 and line = 2'),
  },
  {
    title: 'an event is gone',
    order: 'declined-then-paid',
    code: 'event_gap',
    fault: sql(`delete from events where order_ref = $1 and type = 'payment.captured'`),
    touchesSequence: true,
  },
  {
    title: 'the bank captured twice',
    order: 'unknown-resolved',
    code: 'bank_captured_twice',
    fault: atBank('capture', (entry) => [entry, { ...entry, id: LATER_ID, key: `${entry.key}-again` }]),
  },
  {
    title: 'the bank refunded, the ledger does not know',
    order: 'refund',
    code: 'bank_refund',
    fault: sql(`delete from ledger_entries l using events e where l.order_ref = $1
      and e.order_ref = $1 and e.order_seq = l.order_seq and e.type = 'refund.processed'`),
  },
  {
    title: 'a webhook was never delivered',
    order: 'expired',
    code: 'delivery_missing',
    fault: sql(`delete from deliveries where event_id in (select id from events where order_ref = $1)`),
  },
  {
    title: 'one row of a read model has a wrong amount',
    order: 'captured-by-hand',
    code: 'row_differs',
    fault: sql('update payments set amount_captured = amount_captured - 1 where order_ref = $1'),
  },
  {
    title: 'a hold that nobody voided',
    order: 'capture-deadline',
    code: 'bank_hold_forgotten',
    fault: atBank('void', () => []),
  },
  {
    title: 'a reply that contradicts its payment',
    order: 'capture-unknown',
    code: 'reply_differs',
    fault: sql(`update commands set reply = jsonb_set(reply::jsonb, '{payment,phase}', '"failed"')
      where order_ref = $1 and kind = 'pay'`),
  },
  {
    title: 'a command without a reply',
    order: 'voided-then-cancelled',
    code: 'command_unanswered',
    fault: sql(`update commands set reply = null, replied_at = null where order_ref = $1 and kind = 'void'`),
  },
  {
    title: 'a refund that no event made',
    order: 'woken',
    code: 'row_unexpected',
    fault: sql(`insert into refunds (id, refund_ref, payment_ref, payment_id, order_ref, merchant_id, amount,
        currency, status, created_at)
      select gen_random_uuid(), 'pf_rfnd_planted', payment_ref, id, order_ref, merchant_id, 1,
        currency, 'processed', created_at from payments where order_ref = $1`),
  },
  {
    title: 'one command in two batches',
    order: 'capture-unknown',
    code: 'command_batches',
    fault: sql(`update event_batches b set command_id = c.id from commands c
      where b.order_ref = $1 and c.order_ref = $1 and c.kind = 'pay' and b.command_id is null`),
  },
  {
    title: 'delivered, but no attempt succeeded',
    order: 'late-success',
    code: 'delivery_unproven',
    fault: sql(`update delivery_attempts set success = false
      where event_id in (select id from events where order_ref = $1)`),
  },
];

let named = 0;

test.each(PLANTED)('$title → $code, of this order and no other', async ({ order, code, ...planted }) => {
  const ref = world.orders[order]!;
  const differences = await world.auditWith(planted.fault(ref));
  expect(differences).toContainEqual(expect.objectContaining({ code, ref }));
  const touched = planted.touchesSequence ? [ref, `merchant ${world.lab.merchantId}`] : [ref];
  expect([...new Set(differences.map((difference) => difference.ref))]).toEqual(touched);
  named++;
});

test('an order that never ends → overdue', async () => {
  const expiresAt = Date.now() - TEN_MINUTES_MS;
  const order = await createOrder(world.lab.pool, world.lab.merchantId, { expiresAt });
  expect(await world.auditWith({})).toMatchObject([{ code: 'order_overdue', ref: order.order_ref }]);
  named++;
});

test("a gap in the merchant's numbers → named for the merchant", async () => {
  const merchant = world.lab.merchantId;
  const differences = await world.auditWith({
    sql: ['update merchant_sequences set last_sequence = last_sequence + 1 where merchant_id = $1', merchant],
  });
  expect(differences).toMatchObject([{ code: 'merchant_sequence', ref: `merchant ${merchant}` }]);
  named++;
});

test('a charge at the bank that no table knows → named with what the bank says', async () => {
  const order_ref = 'pf_order_nobody';
  const differences = await world.auditWith({
    journal: (entries) => [
      ...entries,
      { ...entries[0]!, id: LATER_ID, kind: 'capture', key: 'nobody/capture', order_ref },
    ],
  });
  expect(differences).toMatchObject([{ code: 'bank_order_unknown', ref: order_ref }]);
  named++;
});

test('all that was planted was named, and nothing of it is left', async () => {
  expect(named).toBe(FAULTS);
  expect(await world.audit()).toEqual([]);
});

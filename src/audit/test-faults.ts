import type { ClientAnswer } from './client-log.ts';
import type { DifferenceCode } from './difference.ts';
import type { AuditWorld, Fault, Journal } from './test-world.ts';

/** What can go wrong with somebody's money, planted in one order of a world in which all is well. */
export interface Planted {
  readonly title: string;
  readonly code: DifferenceCode;
  /** Whom the audit has to name: the order's ref, or the merchant. */
  readonly ref: (world: AuditWorld) => string | Promise<string>;
  readonly fault: (ref: string) => Fault;
  /** It leaves a hole in the merchant's numbers too. */
  readonly touchesSequence?: true;
}

/** The order that a scenario left behind. */
const of = (scenario: string) => (world: AuditWorld) => {
  const ref = world.orders[scenario];
  if (ref === undefined) throw new Error(`no scenario is called ${scenario}`);
  return ref;
};

/** One statement about one order, whose ref is $1. */
const sql =
  (text: string) =>
  (ref: string): Fault => ({ sql: [text, ref] });

/** The entries of this order and kind, and what becomes of each in the bank's journal. */
const atBank =
  (kind: string, change: (entry: Parameters<Journal>[0][number]) => ReturnType<Journal>) =>
  (ref: string): Fault => ({
    journal: (entries) =>
      entries.flatMap((entry) => (entry.order_ref === ref && entry.kind === kind ? change(entry) : [entry])),
  });

/** The answers to this kind of request about this order, and what they say instead. */
const told =
  (kind: ClientAnswer['kind'], change: Partial<ClientAnswer>) =>
  (ref: string): Required<Pick<Fault, 'clientLog'>> => ({
    clientLog: (answers) =>
      answers.map((answer) =>
        answer.order_ref === ref && answer.kind === kind ? { ...answer, ...change } : answer,
      ),
  });

/** Ids that the bank is not going to use in this test. */
const LATER_ID = 1_000_000;

/** The audit promises to name these. */
export const PROMISED: readonly Planted[] = [
  {
    title: 'a ledger row dropped',
    code: 'row_missing',
    ref: of('paid'),
    fault: sql('delete from ledger_entries where order_ref = $1 and line = 2'),
  },
  {
    title: 'an event swallowed',
    code: 'event_gap',
    ref: of('declined-then-paid'),
    fault: sql(`delete from events where order_ref = $1 and type = 'payment.captured'`),
    touchesSequence: true,
  },
  {
    title: 'captured twice',
    code: 'bank_captured_twice',
    ref: of('unknown-resolved'),
    fault: atBank('capture', (entry) => [entry, { ...entry, id: LATER_ID, key: `${entry.key}-again` }]),
  },
  {
    title: 'a refund without reversal',
    code: 'bank_refund',
    ref: of('refund'),
    fault: sql(`delete from ledger_entries l using events e where l.order_ref = $1
      and e.order_ref = $1 and e.order_seq = l.order_seq and e.type = 'refund.processed'`),
  },
  {
    title: 'a webhook never delivered',
    code: 'delivery_missing',
    ref: of('expired'),
    fault: sql(`delete from deliveries where event_id in (select id from events where order_ref = $1)`),
  },
  {
    title: 'a wrong amount in one row',
    code: 'row_differs',
    ref: of('captured-by-hand'),
    fault: sql('update payments set amount_captured = amount_captured - 1 where order_ref = $1'),
  },
  {
    title: 'a hold nobody voids',
    code: 'bank_hold_forgotten',
    ref: of('capture-deadline'),
    fault: atBank('void', () => []),
  },
  {
    title: 'a reply that contradicts the payment',
    code: 'reply_differs',
    ref: of('capture-unknown'),
    fault: sql(`update commands set reply = jsonb_set(reply::jsonb, '{payment,phase}', '"failed"')
      where order_ref = $1 and kind = 'pay'`),
  },
  {
    title: 'an order that never ends',
    code: 'order_overdue',
    ref: (world) => world.orderWithoutEnd(),
    fault: () => ({}),
  },
  {
    title: 'a command without a reply',
    code: 'command_unanswered',
    ref: of('voided-then-cancelled'),
    fault: sql(`update commands set reply = null, replied_at = null where order_ref = $1 and kind = 'void'`),
  },
  {
    title: 'a refund that no event made',
    code: 'row_unexpected',
    ref: of('woken'),
    fault: sql(`insert into refunds (id, refund_ref, payment_ref, payment_id, order_ref, merchant_id, amount,
        currency, status, created_at)
      select gen_random_uuid(), 'pf_rfnd_planted', payment_ref, id, order_ref, merchant_id, 1,
        currency, 'processed', created_at from payments where order_ref = $1`),
  },
  {
    title: 'one command carried out in two batches',
    code: 'command_batches',
    ref: of('capture-unknown'),
    fault: sql(`update event_batches b set command_id = c.id from commands c
      where b.order_ref = $1 and c.order_ref = $1 and c.kind = 'pay' and b.command_id is null`),
  },
  {
    title: 'delivered, but no attempt succeeded',
    code: 'delivery_unproven',
    ref: of('late-success'),
    fault: sql(`update delivery_attempts set success = false
      where event_id in (select id from events where order_ref = $1)`),
  },
  {
    title: "a gap in the merchant's numbers",
    code: 'merchant_sequence',
    ref: ({ lab }) => `merchant ${lab.merchantId}`,
    fault: sql(`update merchant_sequences set last_sequence = last_sequence + 1
      where 'merchant ' || merchant_id = $1`),
  },
  {
    title: 'a charge at the bank that no table knows',
    code: 'bank_order_unknown',
    ref: () => 'pf_order_nobody',
    fault: (order_ref) => ({
      journal: (entries) => [
        ...entries,
        { ...entries[0]!, id: LATER_ID, kind: 'capture', key: 'nobody/capture', order_ref },
      ],
    }),
  },
];

/** One more for every other code, or for another way to the same one. */
export const FURTHER: readonly Planted[] = [
  {
    title: 'a refund that the bank has not made',
    code: 'bank_refund',
    ref: of('refund'),
    fault: atBank('refund', () => []),
  },
  {
    title: 'the bank took one paisa less',
    code: 'bank_capture',
    ref: of('paid'),
    fault: atBank('capture', (entry) => [{ ...entry, amount: entry.amount - 1 }]),
  },
  {
    title: 'the bank gave back more than it took',
    code: 'bank_over_refunded',
    ref: of('refund'),
    fault: atBank('refund', (entry) => [{ ...entry, amount: 10 * entry.amount }]),
  },
  {
    title: 'the bank captured what was voided',
    code: 'bank_capture_unrecorded',
    ref: of('voided-then-cancelled'),
    fault: atBank('void', (entry) => [{ ...entry, kind: 'capture' }]),
  },
  {
    title: 'the bank captured under a key of nobody',
    code: 'bank_command_unknown',
    ref: of('paid'),
    fault: atBank('capture', (entry) => [{ ...entry, key: 'nobody/capture' }]),
  },
  {
    title: 'a batch is gone',
    code: 'event_batch',
    ref: of('paid'),
    fault: sql('delete from event_batches where order_ref = $1 and after_seq > 0'),
  },
  {
    title: 'an event that cannot follow the others',
    code: 'event_unfoldable',
    ref: of('paid'),
    fault: sql(`update events set type = 'payment.voided' where order_ref = $1 and type = 'order.paid'`),
  },
  {
    title: 'a command is gone',
    code: 'command_missing',
    ref: of('declined-then-paid'),
    fault: sql(`delete from commands where order_ref = $1 and kind = 'pay'`),
  },
  {
    title: 'an event that never left the outbox',
    code: 'outbox_stuck',
    ref: of('paid'),
    fault: sql(`insert into outbox (event_id, merchant_id, created_at)
      select id, merchant_id, at from events where order_ref = $1 and type = 'order.paid'`),
  },
  {
    title: 'a delivery that nobody tries',
    code: 'delivery_overdue',
    ref: of('paid'),
    fault: sql(`update deliveries set status = 'pending', created_at = created_at - interval '10 minutes'
      where event_id in (select id from events where order_ref = $1)`),
  },
];

/** What only the log of a client can show. */
export const TOLD: readonly Planted[] = [
  {
    title: 'told captured, and the payment was voided',
    code: 'client_status_differs',
    ref: of('voided-then-cancelled'),
    fault: told('pay', { payment_status: 'captured' }),
  },
  {
    title: 'told declined, and the money was taken',
    code: 'client_status_differs',
    ref: of('paid'),
    fault: told('pay', { payment_status: 'failed' }),
  },
  {
    title: 'told another amount',
    code: 'client_amount_differs',
    ref: of('captured-by-hand'),
    fault: told('capture', { amount_captured: 49_900 }),
  },
  {
    title: 'an order that was acknowledged and lost',
    code: 'client_order_unknown',
    ref: () => 'pf_order_lost',
    fault: (order_ref) => ({ clientLog: (answers) => [...answers, { ...answers[0]!, order_ref }] }),
  },
  {
    title: 'a void that was acknowledged and lost',
    code: 'client_command_unknown',
    ref: of('voided-then-cancelled'),
    fault: told('void', { idempotency_key: 'lost' }),
  },
  {
    title: 'a refund that was acknowledged and lost',
    code: 'client_row_missing',
    ref: of('refund'),
    fault: sql('delete from refunds where order_ref = $1'),
  },
  {
    title: 'refused for good, and carried out under the same key',
    code: 'client_reply_differs',
    ref: of('paid'),
    fault: (ref) => ({
      ...sql(`update commands set idem_key = 'key' where order_ref = $1 and kind = 'pay'`)(ref),
      ...told('pay', { status: 400, reason: 'order_expired', idempotency_key: 'key' })(ref),
    }),
  },
];

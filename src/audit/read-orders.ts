import type pg from 'pg';
import type { LedgerRow, OrderRow, PaymentRow, RefundRow } from '../domain/projection.ts';
import type { ClientAnswer } from './client-log.ts';
import { OVERDUE_MS } from './order-records.ts';
import type {
  JournalEntry,
  OrderRecords,
  StoredBatch,
  StoredCommand,
  StoredDelivery,
  StoredEvent,
  Subscription,
} from './order-records.ts';

/**
 * Which orders are looked at: all, or those that changed since, or that something is owed or due for, or
 * that a client was told of: an order that should have changed and did not is just what its log shows.
 */
export interface Scope {
  readonly since: string | null;
  /** Epoch ms. */
  readonly now: number;
}

/** The refs of the next orders after a ref, ascending. */
export async function nextOrders(
  client: pg.ClientBase,
  { after, limit, since, now }: Scope & { after: string; limit: number },
): Promise<string[]> {
  const { rows } = await client.query<{ order_ref: string }>({
    name: 'audit_next_orders',
    text: `select o.order_ref from orders o
      where o.order_ref > $1 and ($3::timestamptz is null or o.updated_at >= $3 or o.due_at < $4
        or exists (select 1 from commands c where c.order_ref = o.order_ref and c.reply is null)
        or exists (select 1 from audit_answers a where a.order_ref = o.order_ref))
      order by o.order_ref limit $2`,
    values: [after, limit, since, new Date(now - OVERDUE_MS).toISOString()],
  });
  return rows.map(({ order_ref }) => order_ref);
}

/** All records of these orders, as they stood at one moment. */
export async function readOrders(client: pg.ClientBase, refs: readonly string[]): Promise<OrderRecords[]> {
  return inSnapshot(client, async () => {
    const read = readerOf(client, refs);
    const orders = await read<OrderRow>('orders', ORDERS);
    const payments = await read<PaymentRow>('payments', PAYMENTS);
    const refunds = await read<RefundRow & { of_order: string }>('refunds', REFUNDS);
    const ledger = await read<LedgerRow>('ledger', LEDGER);
    const events = await read<StoredEvent>('events', EVENTS);
    const batches = await read<StoredBatch>('batches', BATCHES);
    const commands = await read<StoredCommand>('commands', COMMANDS);
    const journal = await read<JournalEntry>('journal', JOURNAL);
    const answers = await read<{ order_ref: string; answer: ClientAnswer }>('answers', ANSWERS);
    const outbox = await read<{ event_id: string; order_ref: string }>('outbox', OUTBOX);
    const deliveries = await read<StoredDelivery>('deliveries', DELIVERIES);
    const merchants = [...new Set(orders.map(({ merchant_id }) => merchant_id))];
    const endpoints = await readerOf(client, merchants)<Subscription>('endpoints', ENDPOINTS);
    const [of, endpointsOf] = [byOrder, by(endpoints, ({ merchant_id }) => merchant_id)];
    const [p, l, e, b] = [of(payments), of(ledger), of(events), of(batches)];
    const [c, j, o, d] = [of(commands), of(journal), of(outbox), of(deliveries)];
    const a = of(answers);
    const r = by(refunds, ({ of_order }) => of_order);
    return orders.map((order) => ({
      order,
      payments: p(order.order_ref),
      refunds: r(order.order_ref),
      ledger: l(order.order_ref),
      events: e(order.order_ref),
      batches: b(order.order_ref),
      commands: c(order.order_ref),
      journal: j(order.order_ref),
      answers: a(order.order_ref).map(({ answer }) => answer),
      outbox: o(order.order_ref).map(({ event_id }) => event_id),
      deliveries: d(order.order_ref),
      endpoints: endpointsOf(order.merchant_id),
    }));
  });
}

/** Several statements that see the same moment. */
export async function inSnapshot<T>(client: pg.ClientBase, work: () => Promise<T>): Promise<T> {
  await client.query('begin isolation level repeatable read read only');
  try {
    return await work();
  } finally {
    // Nothing was written; a connection that broke is not used again by its owner.
    await client.query('rollback').catch(() => {});
  }
}

function readerOf(client: pg.ClientBase, values: readonly string[]) {
  return async <T extends pg.QueryResultRow>(name: string, text: string): Promise<T[]> => {
    const { rows } = await client.query<T>({ name: `audit_${name}`, text, values: [values] });
    return rows;
  };
}

/** The rows of a key, in their order. */
function by<T>(rows: readonly T[], keyOf: (row: T) => string): (key: string) => readonly T[] {
  const groups = new Map<string, T[]>();
  for (const row of rows) {
    const group = groups.get(keyOf(row));
    if (group === undefined) groups.set(keyOf(row), [row]);
    else group.push(row);
  }
  return (key) => groups.get(key) ?? [];
}

function byOrder<T extends { readonly order_ref: string | null }>(rows: readonly T[]) {
  return by(rows, ({ order_ref }) => order_ref ?? '');
}

const ORDERS = `select * from orders where order_ref = any ($1) order by order_ref`;
const PAYMENTS = `select * from payments where order_ref = any ($1) order by created_at, payment_ref`;
/** By their payment's order: that is the way to them along an index. */
const REFUNDS = `
select r.*, p.order_ref as of_order from payments p join refunds r on r.payment_ref = p.payment_ref
where p.order_ref = any ($1) order by r.created_at, r.refund_ref`;
const LEDGER = `select * from ledger_entries where order_ref = any ($1) order by order_seq, line`;
const EVENTS = `
select id, order_ref, order_seq, after_seq, type, data, at, payload from events
where order_ref = any ($1) order by order_ref, order_seq`;
const BATCHES = `
select order_ref, after_seq, command_id from event_batches
where order_ref = any ($1) order by order_ref, after_seq`;
const COMMANDS = `
select id, order_ref, kind, args, idem_key, reply, accepted_at from commands
where order_ref = any ($1) order by accepted_at, id`;
const JOURNAL = `select * from audit_journal where order_ref = any ($1) order by id`;
const ANSWERS = `select order_ref, answer from audit_answers where order_ref = any ($1) order by id`;
const OUTBOX = `
select o.event_id, v.order_ref from events v join outbox o on o.event_id = v.id
where v.order_ref = any ($1)`;
const DELIVERIES = `
select d.id, v.order_ref, d.event_id, d.endpoint_id, d.status, d.created_at, d.next_attempt_at,
  exists (select 1 from delivery_attempts a where a.delivery_id = d.id and a.success) as succeeded,
  d.status = 'pending' and exists (select 1 from deliveries r
    where r.endpoint_id = d.endpoint_id and r.status = 'retrying') as held
from events v join deliveries d on d.event_id = v.id and not d.is_resend
where v.order_ref = any ($1) order by d.created_at`;
/**
 * The tables do not tell when an endpoint was switched on or what it subscribed to before. One that a
 * merchant adds has its URL from the start, so that events are owed to it from then on; the primary one
 * exists without a URL at first, so that its first delivery shows since when. An endpoint that was off
 * for a while, or that subscribed to more later, is taken as if it had always been as it is.
 */
const ENDPOINTS = `
select w.id, w.merchant_id, w.events, case when w.is_primary then (
    select v.at from events v join deliveries d on d.event_id = v.id and d.endpoint_id = w.id and not d.is_resend
    where v.merchant_id = w.merchant_id and v.sequence is not null order by v.sequence limit 1
  ) else w.created_at end as since
from webhook_endpoints w
where w.merchant_id = any ($1::uuid[]) and w.is_active and w.url is not null`;

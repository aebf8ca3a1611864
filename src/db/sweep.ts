import type pg from 'pg';
import type { OrderLabel } from './orders.ts';

/** A command may be open for so long before the sweep drives it again. */
const COMMAND_OPEN_SECONDS = 15;
/** An order may be overdue for so long before the sweep looks after it. */
const ORDER_OVERDUE_SECONDS = 15;
/** The order has so long to learn by itself what a callback is about. */
const CALLBACK_SECONDS = 3;
/** In the statement as a number: planned for any number, it would read the whole table each time. */
const CALLBACKS_AT_ONCE = 500;
/** The lease doubles with each try that did not settle the order. */
const LEASE_SECONDS = 15;
const LEASE_SECONDS_MAX = 300;

/** Takes up to `limit` orders for a while; no other sweep takes them meanwhile. */
export async function claimDueOrders(pool: pg.Pool, limit: number): Promise<OrderLabel[]> {
  const { rows } = await pool.query<OrderLabel>({
    name: 'claim_due_orders',
    text: CLAIM_DUE_ORDERS,
    values: [limit],
  });
  return rows;
}

const CLAIM_DUE_ORDERS = `
with due as (
  select order_ref from commands
  where reply is null and accepted_at < now() - interval '${COMMAND_OPEN_SECONDS} s'
  union
  select order_ref from orders where due_at < now() - interval '${ORDER_OVERDUE_SECONDS} s'
), free as (
  select d.order_ref from due d left join sweep_leases l using (order_ref)
  where l.claimed_until is null or l.claimed_until < now()
  order by d.order_ref limit $1
), claimed as (
  insert into sweep_leases as l (order_ref, claimed_until, tries)
  select order_ref, now() + interval '${LEASE_SECONDS} s', 1 from free
  on conflict (order_ref) do update set tries = l.tries + 1,
    claimed_until = now() + least(${LEASE_SECONDS_MAX}, ${LEASE_SECONDS} * 2 ^ least(l.tries, 10)) * interval '1 s'
  where l.claimed_until < now()
  returning order_ref
)
select o.order_ref as "orderRef", o.merchant_id as "merchantId", m.business_name as "merchantName",
  o.amount, o.currency, o.source
from claimed join orders o using (order_ref) join merchants m on m.id = o.merchant_id
`;

/** The order needs nobody any more. */
export async function releaseOrder(pool: pg.Pool, orderRef: string): Promise<void> {
  await pool.query({
    name: 'release_order',
    text: 'delete from sweep_leases where order_ref = $1',
    values: [orderRef],
  });
}

/** Keeps a verified callback; false when the bank has told it before. `key` is `<command id>/<step>`. */
export async function insertCallback(
  pool: pg.Pool,
  callback: { connector: string; eventId: string; key: string },
): Promise<boolean> {
  const commandId = UUID.exec(callback.key)?.[0] ?? null;
  const { rowCount } = await pool.query({
    name: 'insert_callback',
    text: `insert into bank_callbacks (connector, event_id, bank_key, command_id)
      values ($1, $2, $3, $4) on conflict do nothing`,
    values: [callback.connector, callback.eventId, callback.key, commandId],
  });
  return rowCount === 1;
}

const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}(?=\/)/;

/**
 * The orders that some seconds after a callback still do not know how it ended; handled from now on.
 * Most callbacks tell what the order knows already, so many are taken at once for the few that do not.
 */
export async function takeCallbacks(pool: pg.Pool): Promise<OrderLabel[]> {
  const { rows } = await pool.query<OrderLabel>({ name: 'take_callbacks', text: TAKE_CALLBACKS });
  return rows;
}

const TAKE_CALLBACKS = `
with ripe as (
  select connector, event_id from bank_callbacks
  where handled_at is null and received_at < now() - interval '${CALLBACK_SECONDS} s'
  order by received_at limit ${CALLBACKS_AT_ONCE} for update skip locked
), handled as (
  update bank_callbacks b set handled_at = now() from ripe r
  where b.connector = r.connector and b.event_id = r.event_id
  returning b.command_id
)
select distinct o.order_ref as "orderRef", o.merchant_id as "merchantId",
  m.business_name as "merchantName", o.amount, o.currency, o.source
from handled h join commands c on c.id = h.command_id
  join orders o on o.order_ref = c.order_ref join merchants m on m.id = o.merchant_id
where exists (select 1 from payments p where p.order_ref = o.order_ref
    and p.phase in ('awaiting_customer', 'unknown', 'abandoning', 'capturing', 'voiding'))
  or exists (select 1 from refunds r where r.order_ref = o.order_ref and r.status = 'pending')
`;

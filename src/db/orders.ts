import type pg from 'pg';
import type { Reply } from '../domain/commands.ts';
import type { EventData } from '../domain/events.ts';
import type { Currency } from '../domain/money.ts';
import { fold } from '../domain/order.ts';
import { eventId } from '../domain/ids.ts';
import { orderRow, type OrderRow } from '../domain/projection.ts';
import { twinOf, type Acceptance } from './accept.ts';
import type { Asked } from './commands.ts';
import { readPage, wanted, type Page, type PageOf } from './list-page.ts';

/** What the run of an order is found by and shown with in the Temporal UI. */
export interface OrderLabel {
  readonly orderRef: string;
  readonly merchantId: string;
  readonly merchantName: string;
  readonly amount: number;
  readonly currency: Currency;
  readonly source: string;
}

/** What the merchant wrote; never in an event. */
export interface OrderTexts {
  readonly receipt: string | null;
  readonly notes: unknown;
}

export type OrderWithTexts = OrderRow & OrderTexts;

export interface NewOrder {
  readonly asked: Asked;
  /** `order.created`, event 1; epoch ms. */
  readonly at: number;
  readonly created: EventData['order.created'];
  readonly texts: OrderTexts;
}

export type Creation =
  | { readonly type: 'created'; readonly order: OrderWithTexts }
  | Exclude<Acceptance, { type: 'accepted' }>;

/** The row, its first event and a command that already holds its reply, in one statement. */
export async function insertOrder(pool: pg.Pool, { asked, at, created, texts }: NewOrder): Promise<Creation> {
  const event = { seq: 1, at, type: 'order.created', data: created } as const;
  const row = orderRow(fold(asked.orderRef, [event]));
  const reply: Reply = { ok: true, order: row };
  const time = new Date(at).toISOString();
  const { rowCount } = await pool.query({
    name: 'insert_order',
    text: INSERT_ORDER,
    values: [
      asked.commandId,
      asked.orderRef,
      asked.merchantId,
      asked.scope,
      asked.key,
      asked.requestHash,
      JSON.stringify(reply),
      time,
      JSON.stringify(row),
      eventId(asked.orderRef, 1),
      JSON.stringify(created),
      JSON.stringify({ at }),
      texts.receipt,
      texts.notes === null ? null : JSON.stringify(texts.notes),
    ],
  });
  if (rowCount === 1) return { type: 'created', order: { ...row, ...texts } };
  const twin = await twinOf(pool, asked);
  if (twin === null || twin.type === 'accepted') {
    throw new Error(`${asked.orderRef} was neither created nor has a twin`);
  }
  return twin;
}

const INSERT_ORDER = `
with c as (
  insert into commands (id, order_ref, merchant_id, kind, args, idem_scope, idem_key, request_hash,
    reply, accepted_at, replied_at)
  values ($1, $2, $3, 'create', '{}', $4, $5, $6, $7::json, $8::timestamptz, $8::timestamptz)
  on conflict do nothing
  returning id
), o as (
  insert into orders select r.* from jsonb_populate_record(null::orders, $9::jsonb) r, c
), b as (
  insert into event_batches (order_ref, after_seq, command_id, instruction, facts, run_id)
  select $2, 0, c.id, '{"kind":"create"}', $12::jsonb, '' from c
), e as (
  insert into events (id, order_ref, order_seq, after_seq, merchant_id, type, data, at)
  select $10, $2, 1, 0, $3, 'order.created', $11::jsonb, $8::timestamptz from c
), t as (
  insert into order_texts (order_ref, receipt, notes)
  select $2, $13, $14::json from c where $13::text is not null or $14::json is not null
)
select id from c
`;

const ORDER_WITH_TEXTS = `
select o.*, t.receipt, t.notes from orders o left join order_texts t using (order_ref)`;

/** An order of this merchant, or null: a foreign one is as absent as an unknown one. */
export async function findOrder(
  pool: pg.Pool,
  merchantId: string,
  orderRef: string,
): Promise<OrderWithTexts | null> {
  const { rows } = await pool.query<OrderWithTexts>({
    name: 'find_order',
    text: `${ORDER_WITH_TEXTS} where o.order_ref = $1 and o.merchant_id = $2`,
    values: [orderRef, merchantId],
  });
  return rows[0] ?? null;
}

export async function orderTexts(pool: pg.Pool, orderRef: string): Promise<OrderTexts> {
  const { rows } = await pool.query<OrderTexts>({
    name: 'order_texts',
    text: 'select receipt, notes from order_texts where order_ref = $1',
    values: [orderRef],
  });
  return rows[0] ?? { receipt: null, notes: null };
}

/** The order of a payment of this merchant, recorded or only submitted; null: there is no such payment. */
export async function labelOfPayment(
  pool: pg.Pool,
  merchantId: string,
  paymentRef: string,
): Promise<OrderLabel | null> {
  const { rows } = await pool.query<OrderLabel>({
    name: 'label_of_payment',
    text: `select o.order_ref as "orderRef", o.merchant_id as "merchantId",
        m.business_name as "merchantName", o.amount, o.currency, o.source
      from payers y join orders o using (order_ref) join merchants m on m.id = o.merchant_id
      where y.payment_ref = $1 and y.merchant_id = $2`,
    values: [paymentRef, merchantId],
  });
  return rows[0] ?? null;
}

/** What the payment page needs of an order, found by its ref alone: who knows the ref may pay it. */
export interface PayableOrder extends OrderWithTexts {
  readonly business_name: string;
  readonly merchant_active: boolean;
}

export async function findPayableOrder(pool: pg.Pool, orderRef: string): Promise<PayableOrder | null> {
  const { rows } = await pool.query<PayableOrder>({
    name: 'find_payable_order',
    text: `select o.*, t.receipt, t.notes, m.business_name, m.is_active as merchant_active
      from orders o join merchants m on m.id = o.merchant_id left join order_texts t using (order_ref)
      where o.order_ref = $1`,
    values: [orderRef],
  });
  return rows[0] ?? null;
}

export interface OrderFilters {
  readonly status: string | null;
  readonly receipt: string | null;
  /** Created at or after, and at or before; ISO 8601. */
  readonly from: string | null;
  readonly to: string | null;
}

/** Null when the cursor is not an order of this merchant. */
export async function listOrders(
  pool: pg.Pool,
  merchantId: string,
  { page, filters }: { page: Page; filters: OrderFilters },
): Promise<PageOf<OrderWithTexts> | null> {
  const { status, receipt, from, to } = filters;
  return readPage<OrderWithTexts>(pool, {
    source: { select: ORDER_WITH_TEXTS, at: 'o.created_at', ref: 'o.order_ref' },
    within: [['o.merchant_id =', merchantId]],
    filters: wanted([
      ['o.status =', status],
      ['t.receipt =', receipt],
      ['o.created_at >=', from],
      ['o.created_at <=', to],
    ]),
    page,
  });
}

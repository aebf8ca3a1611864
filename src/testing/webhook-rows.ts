import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { newId, newOrderRef, newPaymentRef, newQrToken } from '../db/refs.ts';
import { eventId } from '../domain/ids.ts';
import { PUBLIC_EVENTS, type EventPayload, type PublicEventType } from '../domain/events.ts';

/** A merchant with an API's worth of rows, but no endpoint. */
export async function insertMerchant(pool: pg.Pool): Promise<string> {
  const user = newId();
  const merchant = newId();
  await pool.query(
    `insert into users (id, name, email, password_hash, role) values ($1, 'Jane', $2, 'x', 'merchant')`,
    [user, `${user}@shop.example`],
  );
  await pool.query(
    `insert into merchants (id, user_id, business_name, business_email, qr_token)
     values ($1, $2, 'Jane''s Store', $3, $4)`,
    [merchant, user, `${merchant}@shop.example`, newQrToken()],
  );
  return merchant;
}

export interface TestEndpoint {
  readonly url: string | null;
  readonly events?: readonly PublicEventType[];
  readonly active?: boolean;
  readonly primary?: boolean;
}

export async function insertTestEndpoint(
  pool: pg.Pool,
  merchantId: string,
  { url, events = PUBLIC_EVENTS, active = true, primary = false }: TestEndpoint,
): Promise<string> {
  const id = newId();
  await pool.query(
    `insert into webhook_endpoints (id, merchant_id, url, events, is_active, is_primary)
     values ($1, $2, $3, $4, $5, $6)`,
    [id, merchantId, url, events, active, primary],
  );
  return id;
}

export interface TestEvent {
  readonly id: string;
  readonly orderRef: string;
  readonly payload: EventPayload;
}

/** One order with one public event after another in the outbox, as `record` writes them. */
export async function insertEvents(
  pool: pg.Pool,
  merchantId: string,
  types: readonly PublicEventType[],
): Promise<TestEvent[]> {
  const orderRef = newOrderRef();
  await insertOrder(pool, merchantId, orderRef);
  const events: TestEvent[] = [];
  for (const [index, type] of types.entries()) {
    events.push(await insertEvent(pool, { merchantId, orderRef, seq: index + 2, type }));
  }
  await pool.query(`select pg_notify('outbox', '')`);
  return events;
}

async function insertOrder(pool: pg.Pool, merchantId: string, orderRef: string) {
  await pool.query(
    `insert into orders (order_ref, id, merchant_id, amount, currency, source, capture_mode, status,
       attempts, amount_paid, amount_refunded, amount_reserved, cancel_requested, expires_at,
       created_at, updated_at, last_seq)
     values ($1, $2, $3, 49900, 'INR', 'api', 'automatic', 'created', 0, 0, 0, 0, false,
       now() + interval '30 min', now(), now(), 1)`,
    [orderRef, randomUUID(), merchantId],
  );
}

async function insertEvent(
  pool: pg.Pool,
  event: { merchantId: string; orderRef: string; seq: number; type: PublicEventType },
): Promise<TestEvent> {
  const { merchantId, orderRef, seq, type } = event;
  const id = eventId(orderRef, seq);
  const payload: EventPayload = {
    payment_ref: newPaymentRef(),
    order_ref: orderRef,
    amount: 49_900,
    method: 'upi',
    status: 'captured',
  };
  await pool.query(
    `with numbered as (
       insert into merchant_sequences as s (merchant_id, last_sequence) values ($5, 1)
       on conflict (merchant_id) do update set last_sequence = s.last_sequence + 1
       returning last_sequence
     ), batch as (
       insert into event_batches (order_ref, after_seq, instruction, facts, run_id)
       values ($2, $4, '{}', '{}', 'test')
     ), written as (
       insert into events (id, order_ref, order_seq, after_seq, merchant_id, type, data, at, payload, sequence)
       select $1, $2, $3, $4, $5, $6, '{}', date_trunc('milliseconds', clock_timestamp()), $7, last_sequence
       from numbered returning at
     )
     insert into outbox (event_id, merchant_id, created_at) select $1, $5, at from written`,
    [id, orderRef, seq, seq - 1, merchantId, type, JSON.stringify(payload)],
  );
  return { id, orderRef, payload };
}

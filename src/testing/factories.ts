import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { uuidv7 } from 'uuidv7';
import type { Payer } from '../db/accept.ts';
import type { Asked } from '../db/commands.ts';
import { insertOrder } from '../db/orders.ts';
import type { EventData } from '../domain/events.ts';
import type { OrderRow } from '../domain/projection.ts';

/** Rows that tests start from, made by the same statements as in production. */

const HALF_AN_HOUR_MS = 30 * 60 * 1_000;
const FIVE_DAYS_MS = 5 * 24 * 60 * 60 * 1_000;

export function ref(prefix: 'pf_order_' | 'pf_pay_' | 'pf_rfnd_'): string {
  return prefix + randomBytes(10).toString('hex');
}

/** A user with a merchant profile; returns the merchant's id. */
export async function createMerchant(pool: pg.Pool): Promise<string> {
  const id = uuidv7();
  const name = id.slice(-12);
  await pool.query(
    `with u as (insert into users (id, name, email, password_hash, role)
       values ($1, $2, $2 || '@example.com', 'none', 'merchant') returning id)
     insert into merchants (id, user_id, business_name, business_email, qr_token)
     select $1, u.id, 'Store ' || $2, $2 || '@shop.example', $2 from u`,
    [id, name],
  );
  return id;
}

export function asked(merchantId: string, orderRef: string, change: Partial<Asked> = {}): Asked {
  return {
    commandId: uuidv7(),
    orderRef,
    merchantId,
    scope: `${orderRef}:pay`,
    key: null,
    requestHash: 'hash',
    ...change,
  };
}

/** An order of 499.00, created now. */
export async function createOrder(
  pool: pg.Pool,
  merchantId: string,
  change: Partial<EventData['order.created']> = {},
): Promise<OrderRow> {
  return (await insertTestOrder(pool, merchantId, change)).order;
}

/** The same, with its first event. */
export async function insertTestOrder(
  pool: pg.Pool,
  merchantId: string,
  change: Partial<EventData['order.created']> = {},
) {
  const at = Date.now();
  const created: EventData['order.created'] = {
    id: uuidv7(),
    merchantId,
    amount: 49_900,
    currency: 'INR',
    captureMode: 'automatic',
    captureWindowMs: FIVE_DAYS_MS,
    source: 'api',
    expiresAt: at + HALF_AN_HOUR_MS,
    ...change,
  };
  const creation = await insertOrder(pool, {
    asked: asked(merchantId, ref('pf_order_'), { scope: `${merchantId}:orders` }),
    at,
    created,
    texts: { receipt: null, notes: null },
  });
  if (creation.type !== 'created') throw new Error(`no order: ${creation.type}`);
  return { order: creation.order, event: { seq: 1, at, type: 'order.created', data: created } as const };
}

export const NO_PAYER: Payer = {
  email: null,
  contact: null,
  vpa: null,
  bankCode: null,
  wallet: null,
  otp: null,
  cardToken: null,
  cardFingerprint: null,
  cardLast4: null,
  cardNetwork: null,
};

/** A pay by UPI of a payer who was never seen before, unless told otherwise. */
export function payRequest(change: { vpa?: string; paymentRef?: string } = {}) {
  const paymentRef = change.paymentRef ?? ref('pf_pay_');
  return {
    paymentId: uuidv7(),
    paymentRef,
    method: 'upi',
    vpaValid: true,
    payer: { ...NO_PAYER, vpa: change.vpa ?? `${paymentRef}@payflow` },
  } as const;
}

/** A refund of a payment; null: of whatever remains. */
export function newRefund(paymentRef: string, amount: number | null = null) {
  return {
    kind: 'refund',
    paymentRef,
    amount,
    refund: { refundId: uuidv7(), refundRef: ref('pf_rfnd_'), reason: null, notes: null },
  } as const;
}

import type pg from 'pg';
import { DEFAULT_SUBSCRIPTION } from '../domain/events.ts';
import { newQrToken } from './refs.ts';

/** Whom legacy transactions of people pay who are no merchants: the operator of this installation. */
export const HOUSE_MERCHANT_ID = '00000000-0000-7000-8000-000000000001';

/**
 * Makes the house merchant where there is none. Nobody can have its address (it is none) and nobody can
 * sign in as it (its password's hash is none either).
 */
export async function ensureHouseMerchant(pool: pg.Pool): Promise<void> {
  await pool.query({
    name: 'ensure_house_merchant',
    text: `with u as (
        insert into users (id, name, email, password_hash, role)
        values ($1, 'PayFlow', 'house', 'none', 'merchant') on conflict do nothing
      ), m as (
        insert into merchants (id, user_id, business_name, business_email, qr_token)
        values ($1, $1, 'PayFlow', 'house', $2) on conflict do nothing
      ), e as (
        insert into webhook_endpoints (id, merchant_id, is_primary, events)
        values ($1, $1, true, $3) on conflict do nothing
      )
      insert into merchant_sequences (merchant_id, last_sequence) values ($1, 0) on conflict do nothing`,
    values: [HOUSE_MERCHANT_ID, newQrToken(), [...DEFAULT_SUBSCRIPTION]],
  });
}

import type { Knex } from 'knex';
import type pg from 'pg';
import { PayflowError } from '../domain/errors.ts';
import { KEY_CHANGES } from './merchants.ts';
import { ApiKeyModel } from './models/api-key.ts';
import { newId } from './refs.ts';

export const SCOPES = ['read', 'write', 'refund'] as const;
export type Scope = (typeof SCOPES)[number];

export interface ApiKey {
  readonly id: string;
  readonly keyId: string;
  readonly label: string;
  readonly scopes: readonly Scope[];
  readonly isActive: boolean;
  readonly expiresAt: string | null;
  readonly lastUsedAt: string | null;
  readonly createdAt: string;
}

export interface NewApiKey {
  readonly merchantId: string;
  readonly keyId: string;
  readonly secretHash: string;
  readonly label: string;
  readonly scopes: readonly Scope[];
  readonly expiresAt: string | null;
}

/** What a request with this key id is checked against. */
export interface KeyRecord {
  readonly keyId: string;
  readonly merchantId: string;
  /** Up to a minute old where the record is remembered; for labels only. */
  readonly merchantName: string;
  readonly secretHash: string;
  readonly scopes: readonly Scope[];
  readonly isActive: boolean;
  readonly merchantActive: boolean;
  /** Epoch ms. */
  readonly expiresAt: number | null;
}

const KEYS_LISTED_MAX = 100;

export async function createApiKey(trx: Knex.Transaction, key: NewApiKey): Promise<ApiKey> {
  const row = await ApiKeyModel.query(trx)
    .insert({ id: newId(), ...key, scopes: [...key.scopes] })
    .returning('*');
  return toApiKey(row);
}

/** Newest first, revoked ones too. */
export async function listApiKeys(knex: Knex, merchantId: string): Promise<ApiKey[]> {
  const rows = await ApiKeyModel.query(knex)
    .where({ merchant_id: merchantId })
    .orderBy([
      { column: 'created_at', order: 'desc' },
      { column: 'id', order: 'desc' },
    ])
    .limit(KEYS_LISTED_MAX);
  return rows.map(toApiKey);
}

function toApiKey(row: ApiKeyModel): ApiKey {
  const { id, keyId, label, scopes, isActive, expiresAt, lastUsedAt, createdAt } = row;
  return { id, keyId, label, scopes, isActive, expiresAt, lastUsedAt, createdAt };
}

export interface Rolling {
  readonly merchantId: string;
  readonly keyId: string;
  readonly successor: Pick<NewApiKey, 'keyId' | 'secretHash'>;
  /** Epoch ms. */
  readonly now: number;
  /** How long both keys open the door; 0: the old one is revoked. */
  readonly overlapMs: number;
}

/**
 * A new key with the label, scopes and expiry of the old one, which ends after the overlap or when it
 * would have ended anyway. Throws `api_key_not_found`, or `api_key_not_rollable` for one that opens no
 * door any more or was rolled before: its expiry is only the end of that overlap.
 */
export async function rollApiKey(trx: Knex.Transaction, rolling: Rolling): Promise<ApiKey> {
  const { merchantId, keyId, successor, now, overlapMs } = rolling;
  // Of two rolls at once the second waits here and finds the key rolled.
  const old = await ApiKeyModel.query(trx).findOne({ key_id: keyId, merchant_id: merchantId }).forUpdate();
  if (old === undefined) throw new PayflowError('api_key_not_found');
  const expiresAtMs = old.expiresAt === null ? Infinity : Date.parse(old.expiresAt);
  if (!old.isActive || old.successorId !== null || expiresAtMs <= now) {
    throw new PayflowError('api_key_not_rollable');
  }
  const { label, scopes, expiresAt } = old;
  const rolled = await createApiKey(trx, { ...successor, merchantId, label, scopes, expiresAt });
  const endsAt = new Date(Math.min(expiresAtMs, now + overlapMs)).toISOString();
  await old.$query(trx).patch({
    successorId: rolled.id,
    ...(overlapMs === 0 ? { isActive: false } : { expiresAt: endsAt }),
  });
  await trx.raw('select pg_notify(?, ?)', [KEY_CHANGES, `key:${keyId}`]);
  return rolled;
}

/** Every process hears of it when this commits. False if the merchant has no such key; once revoked, true again. */
export async function revokeApiKey(
  pool: pg.Pool,
  { merchantId, keyId }: { merchantId: string; keyId: string },
): Promise<boolean> {
  const { rowCount } = await pool.query({
    text: `with revoked as (
        update api_keys set is_active = false where key_id = $1 and merchant_id = $2 returning key_id
      ) select pg_notify($3, 'key:' || key_id) from revoked`,
    values: [keyId, merchantId, KEY_CHANGES],
  });
  return rowCount === 1;
}

interface KeyRow {
  key_id: string;
  merchant_id: string;
  secret_hash: string;
  scopes: Scope[];
  is_active: boolean;
  merchant_active: boolean;
  business_name: string;
  expires_at: string | null;
}

export async function findKeyRecord(pool: pg.Pool, keyId: string): Promise<KeyRecord | null> {
  const { rows } = await pool.query<KeyRow>({
    name: 'find_key_record',
    text: `select k.key_id, k.merchant_id, k.secret_hash, k.scopes, k.is_active, k.expires_at,
        m.is_active as merchant_active, m.business_name
      from api_keys k join merchants m on m.id = k.merchant_id where k.key_id = $1`,
    values: [keyId],
  });
  const row = rows[0];
  if (row === undefined) return null;
  return {
    keyId: row.key_id,
    merchantId: row.merchant_id,
    merchantName: row.business_name,
    secretHash: row.secret_hash,
    scopes: row.scopes,
    isActive: row.is_active,
    merchantActive: row.merchant_active,
    expiresAt: row.expires_at === null ? null : Date.parse(row.expires_at),
  };
}

/** One statement for all keys used since the last one. */
export async function stampLastUsed(pool: pg.Pool, usedAt: ReadonlyMap<string, number>): Promise<void> {
  await pool.query({
    name: 'stamp_last_used',
    // Another process may be stamping the same keys: what it holds is skipped, so nobody waits in a
    // circle, and an older time never replaces a newer one.
    text: `with used as (
        select key_id, at from unnest($1::text[], $2::timestamptz[]) as u (key_id, at)
      ), due as (
        select k.id, used.at from api_keys k join used using (key_id)
        where k.last_used_at is null or k.last_used_at < used.at
        for no key update of k skip locked
      )
      update api_keys k set last_used_at = due.at from due where k.id = due.id`,
    values: [[...usedAt.keys()], [...usedAt.values()].map((ms) => new Date(ms))],
  });
}

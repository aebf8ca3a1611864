import type { Knex } from 'knex';
import type pg from 'pg';
import { PayflowError } from '../domain/errors.ts';
import type { PublicEventType } from '../domain/events.ts';
import { newId } from './refs.ts';

/** Times are ISO 8601. */
export interface WebhookEndpoint {
  readonly id: string;
  readonly isPrimary: boolean;
  /** Null only where the merchant's profile has no `webhook_url`. */
  readonly url: string | null;
  readonly events: readonly PublicEventType[];
  readonly isActive: boolean;
  /** Why it is switched off, where it was not the merchant. */
  readonly disabledReason: string | null;
  readonly secretVersion: number;
  readonly overlapUntil: string | null;
  readonly createdAt: string;
}

export const ENDPOINTS_PER_MERCHANT_MAX = 30;

export const DELETED = 'deleted';

const COLUMNS = `id, is_primary as "isPrimary", url, events, is_active as "isActive",
  disabled_reason as "disabledReason", secret_version as "secretVersion",
  overlap_until as "overlapUntil", created_at as "createdAt"`;

/** Deliveries refer to their endpoint for ever, so a deleted one stays as a row that nobody sees. */
const EXISTS = `url is not null and disabled_reason is distinct from '${DELETED}'`;

/** With a URL, the oldest first. */
export async function listEndpoints(pool: pg.Pool, merchantId: string): Promise<WebhookEndpoint[]> {
  const { rows } = await pool.query<WebhookEndpoint>({
    name: 'list_endpoints',
    text: `select ${COLUMNS} from webhook_endpoints
      where merchant_id = $1 and ${EXISTS} order by created_at, id`,
    values: [merchantId],
  });
  return rows;
}

export interface EndpointKey {
  readonly merchantId: string;
  readonly id: string;
}

export async function findEndpoint(
  pool: pg.Pool,
  { merchantId, id }: EndpointKey,
): Promise<WebhookEndpoint | null> {
  const { rows } = await pool.query<WebhookEndpoint>({
    name: 'find_endpoint',
    text: `select ${COLUMNS} from webhook_endpoints where id = $2 and merchant_id = $1 and ${EXISTS}`,
    values: [merchantId, id],
  });
  return rows[0] ?? null;
}

/**
 * Null: the merchant has as many as it may have. Twins wait for each other at the merchant's row, and
 * count in a later statement than they wait in. The lock lets foreign keys pass, so that no payment waits.
 */
export async function insertEndpoint(
  trx: Knex.Transaction,
  { merchantId, url, events }: { merchantId: string; url: string; events: readonly PublicEventType[] },
): Promise<WebhookEndpoint | null> {
  await trx.raw('select 1 from merchants where id = ? for no key update', [merchantId]);
  const { rows } = await trx.raw<{ rows: WebhookEndpoint[] }>(
    `insert into webhook_endpoints (id, merchant_id, url, events)
      select ?, ?, ?, ?::text[] where ${ENDPOINTS_PER_MERCHANT_MAX} >
        (select count(*) from webhook_endpoints where merchant_id = ? and ${EXISTS})
      returning ${COLUMNS}`,
    [newId(), merchantId, url, [...events], merchantId],
  );
  return rows[0] ?? null;
}

export interface EndpointChanges {
  readonly url?: string | undefined;
  readonly events?: readonly PublicEventType[] | undefined;
  readonly active?: boolean | undefined;
}

/**
 * Null: no such endpoint. A new URL does not switch an endpoint on again; `active: true` does, also
 * one that answered 410.
 */
export async function updateEndpoint(
  client: pg.Pool | pg.ClientBase,
  { merchantId, id }: EndpointKey,
  { url, events, active }: EndpointChanges,
): Promise<WebhookEndpoint | null> {
  const { rows } = await client.query<WebhookEndpoint>({
    name: 'update_endpoint',
    text: `update webhook_endpoints set url = coalesce($3, url), events = coalesce($4, events),
        is_active = coalesce($5, is_active),
        disabled_reason = case when $5 then null else disabled_reason end
      where id = $2 and merchant_id = $1 and ${EXISTS}
      returning ${COLUMNS}`,
    values: [merchantId, id, url ?? null, events ?? null, active ?? null],
  });
  return rows[0] ?? null;
}

/**
 * False: the merchant never had such an endpoint; of one that is deleted already it is true again. Its
 * deliveries under way end at their next try. The primary one only loses its URL: the merchant's
 * profile may give it another.
 */
export async function deleteEndpoint(
  client: pg.Pool | pg.ClientBase,
  { merchantId, id }: EndpointKey,
): Promise<boolean> {
  const { rowCount } = await client.query({
    name: 'delete_endpoint',
    text: `update webhook_endpoints set
        url = case when is_primary then null else url end,
        is_active = is_primary,
        disabled_reason = case when not is_primary then '${DELETED}' end
      where id = $2 and merchant_id = $1`,
    values: [merchantId, id],
  });
  return rowCount === 1;
}

/**
 * Makes a new secret; the one before goes on signing for `overlapHours`, 0 switches at once. Null: no
 * such endpoint. Also for a primary one that has no URL yet: its secret can be asked for.
 *
 * Only one secret can sign beside the newest. While an overlap lasts, another one would silence the
 * secret that receivers still check with: it is refused with `rotation_in_progress`, unless the caller
 * switches at once and says so.
 */
export async function rotateEndpointSecret(
  trx: Knex.Transaction,
  { merchantId, id, overlapHours }: EndpointKey & { readonly overlapHours: number },
): Promise<WebhookEndpoint | null> {
  const { rows } = await trx.raw<{ rows: WebhookEndpoint[] }>(
    `update webhook_endpoints set secret_version = secret_version + 1,
        overlap_until = case when ? > 0 then now() + ? * interval '1 hour' end
      where id = ? and merchant_id = ? and disabled_reason is distinct from '${DELETED}'
        and (? = 0 or overlap_until is null or overlap_until <= now())
      returning ${COLUMNS}`,
    [overlapHours, overlapHours, id, merchantId, overlapHours],
  );
  if (rows[0] !== undefined) return rows[0];
  const standing = await trx.raw<{ rows: unknown[] }>(
    `select 1 from webhook_endpoints
      where id = ? and merchant_id = ? and disabled_reason is distinct from '${DELETED}'`,
    [id, merchantId],
  );
  if (standing.rows.length > 0) throw new PayflowError('rotation_in_progress', { field: 'overlap_hours' });
  return null;
}

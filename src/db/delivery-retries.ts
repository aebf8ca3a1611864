import type { Knex } from 'knex';
import type pg from 'pg';
import { PayflowError } from '../domain/errors.ts';
import type { PublicEventType } from '../domain/events.ts';
import { LEASE_SECONDS } from './deliveries.ts';
import { newId } from './refs.ts';
import { OUTBOX_CHANNEL } from './outbox.ts';

/** A retry that is overdue by so much may have no workflow any more. */
const RETRY_OVERDUE_MINUTES = 10;

/** A delivery that its workflow is to go on with. */
export interface RetryDelivery {
  readonly id: string;
  readonly eventId: string;
  readonly eventType: string;
  readonly endpointId: string;
  readonly isResend: boolean;
  readonly url: string;
  /** Until its next try is due, in ms. */
  readonly waitMs: number;
}

/** Takes retries that may have no workflow: the start was never confirmed, or the next try is long overdue. */
export async function claimRetries(pool: pg.Pool, limit: number): Promise<RetryDelivery[]> {
  const { rows } = await pool.query<RetryDelivery>({
    name: 'claim_retries',
    text: CLAIM_RETRIES,
    values: [limit],
  });
  return rows;
}

const CLAIM_RETRIES = `
with lost as (
  select id from deliveries
  where status = 'retrying' and coalesce(claimed_until, next_attempt_at + interval '${RETRY_OVERDUE_MINUTES} min') < now()
  order by next_attempt_at limit $1 for update skip locked
), claimed as (
  update deliveries d set claimed_until = now() + interval '${LEASE_SECONDS} s'
  from lost l where d.id = l.id
  returning d.*
)
select d.id, d.event_id as "eventId", v.type as "eventType", d.endpoint_id as "endpointId",
  d.is_resend as "isResend", coalesce(w.url, d.target_url) as url,
  greatest(0, ceil(extract(epoch from d.next_attempt_at - now()) * 1000))::float8 as "waitMs"
from claimed d join events v on v.id = d.event_id join webhook_endpoints w on w.id = d.endpoint_id
`;

/**
 * These have their workflow. One whose try is overdue is looked at again later: its workflow may be
 * waiting for a worker, or may be ended by hand after this.
 */
export async function confirmRetries(pool: pg.Pool, ids: readonly string[]): Promise<void> {
  await pool.query({
    name: 'confirm_retries',
    text: `update deliveries set claimed_until =
        case when next_attempt_at < now() then now() + interval '${RETRY_OVERDUE_MINUTES} min' end
      where id = any ($1::uuid[]) and status = 'retrying'`,
    values: [ids],
  });
}

/** What was asked to be sent again. Times are ISO 8601. */
export interface Resend {
  /** Of the new delivery. */
  readonly id: string;
  readonly eventId: string;
  readonly eventType: PublicEventType;
  readonly endpointId: string;
  readonly url: string;
  readonly createdAt: string;
}

/**
 * Sends an event again, as a delivery of its own: `of` is the id of an earlier delivery of this
 * merchant, or of a row of its log. It is its workflow's from the start, so that an endpoint whose
 * deliveries are held gets it all the same. Throws `delivery_not_found`, or `webhook_inactive` where
 * the endpoint is switched off or deleted.
 */
export async function insertResend(
  trx: Knex.Transaction,
  { merchantId, of }: { merchantId: string; of: string },
): Promise<Resend> {
  const { rows } = await trx.raw<{ rows: Resend[] }>(INSERT_RESEND, [of, of, merchantId, newId()]);
  const [made] = rows;
  if (made !== undefined) {
    await trx.raw(`select pg_notify(?, '')`, [OUTBOX_CHANNEL]);
    return made;
  }
  const found = await trx.raw<{ rows: unknown[] }>(`${WANTED} select 1 from wanted`, [of, of, merchantId]);
  throw new PayflowError(found.rows.length > 0 ? 'webhook_inactive' : 'delivery_not_found');
}

const WANTED = `
with wanted as (
  select event_id, endpoint_id, merchant_id from deliveries
  where id = coalesce((select delivery_id from delivery_attempts where id = ?::uuid), ?::uuid)
    and merchant_id = ?
)`;

const INSERT_RESEND = `${WANTED}, made as (
  insert into deliveries (id, event_id, endpoint_id, merchant_id, target_url, status, is_resend,
    claimed_until, next_attempt_at)
  select ?::uuid, d.event_id, d.endpoint_id, d.merchant_id, w.url, 'retrying', true, now(), now()
  from wanted d join webhook_endpoints w on w.id = d.endpoint_id
  where w.is_active and w.url is not null
  returning *
)
select m.id, m.event_id as "eventId", v.type as "eventType", m.endpoint_id as "endpointId",
  m.target_url as url, m.created_at as "createdAt"
from made m join events v on v.id = m.event_id
`;

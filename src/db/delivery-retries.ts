import type pg from 'pg';
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

/**
 * Sends an event again, as a delivery of its own: `of` is the id of an earlier delivery of this
 * merchant, or of a row of its log. It is its workflow's from the start, so that an endpoint whose
 * deliveries are held gets it all the same. Returns the new delivery's id; null if there is no such
 * delivery or its endpoint is switched off.
 */
export async function insertResend(
  client: pg.Pool | pg.ClientBase,
  { merchantId, of }: { merchantId: string; of: string },
): Promise<string | null> {
  const { rows } = await client.query<{ id: string }>({
    name: 'insert_resend',
    text: INSERT_RESEND,
    values: [newId(), merchantId, of, OUTBOX_CHANNEL],
  });
  return rows[0]?.id ?? null;
}

const INSERT_RESEND = `
with made as (
  insert into deliveries (id, event_id, endpoint_id, merchant_id, target_url, status, is_resend,
    claimed_until, next_attempt_at)
  select $1, d.event_id, d.endpoint_id, d.merchant_id, w.url, 'retrying', true, now(), now()
  from deliveries d join webhook_endpoints w on w.id = d.endpoint_id
  where d.id = coalesce((select delivery_id from delivery_attempts where id = $3), $3::uuid)
    and d.merchant_id = $2 and w.is_active and w.url is not null
  returning id
)
select id, pg_notify($4, '') from made
`;

import type pg from 'pg';
import { PayflowError } from '../domain/errors.ts';
import { LEASE_SECONDS } from './deliveries.ts';
import { newId } from './refs.ts';

export interface Attempt {
  readonly deliveryId: string;
  /** 1 for the first. */
  readonly attempt: number;
  /** When it was made. */
  readonly at: Date;
  readonly targetUrl: string;
  readonly outcome: 'delivered' | 'retrying' | 'failed';
  readonly status: number | null;
  readonly body: string | null;
  readonly error: string | null;
  readonly durationMs: number;
  /** Until the next try; null when there is none. */
  readonly delayMs: number | null;
  /** 410: the receiver wants nothing any more. */
  readonly gone: boolean;
}

/**
 * Writes what came of tries, all in one statement: the log, the deliveries' next state, and endpoints
 * that are to be switched off. Returns the deliveries it changed. A result that comes too late
 * (another process has made the same try meanwhile) changes and logs nothing.
 *
 * `handOver`: what is to be retried has no workflow yet, so that its row keeps a lease.
 */
export async function recordAttempts(
  pool: pg.Pool,
  { attempts, handOver }: { attempts: readonly Attempt[]; handOver: boolean },
): Promise<ReadonlySet<string>> {
  const results = attempts.map((attempt) => ({ id: newId(), ...attempt }));
  const { rows } = await pool.query<{ id: string }>({
    name: 'record_attempts',
    text: RECORD_ATTEMPTS,
    values: [JSON.stringify(results), handOver],
  });
  return new Set(rows.map((row) => row.id));
}

// One document and not an array for each column: the planner looks into arrays, finds a plan for just as
// many rows better than any other, and so plans anew for every batch.
const RECORD_ATTEMPTS = `
with result as (
  select "deliveryId" as delivery_id, id, attempt, at, "targetUrl" as target_url, outcome, status, body, error,
    "durationMs" as duration_ms, "delayMs" as delay_ms, gone
  from jsonb_to_recordset($1::jsonb) as r ("deliveryId" uuid, id uuid, attempt int, at timestamptz,
    "targetUrl" text, outcome text, status int, body text, error text, "durationMs" int, "delayMs" float8, gone boolean)
), changed as (
  update deliveries d set
    status = r.outcome, attempts = r.attempt,
    claimed_until = case when r.outcome = 'retrying' and $2::boolean
      then now() + interval '${LEASE_SECONDS} s' end,
    next_attempt_at = now() + r.delay_ms * interval '1 ms',
    finished_at = case when r.outcome <> 'retrying' then now() end
  from result r
  where d.id = r.delivery_id and d.status in ('pending', 'retrying') and d.attempts = r.attempt - 1
  returning d.*
), switched_off as (
  update webhook_endpoints w set is_active = false, disabled_reason = 'The endpoint answered 410 Gone'
  from changed d join result r on r.delivery_id = d.id
  where r.gone and w.id = d.endpoint_id and w.url = r.target_url
), logged as (
  insert into delivery_attempts (id, delivery_id, merchant_id, attempt, event_id, event_type, target_url,
    success, response_status, response_body, error, duration_ms, next_attempt_at, created_at)
  select r.id, d.id, d.merchant_id, r.attempt, d.event_id, v.type, r.target_url,
    r.outcome = 'delivered', r.status, r.body, r.error, r.duration_ms, d.next_attempt_at, r.at
  from changed d join result r on r.delivery_id = d.id join events v on v.id = d.event_id
  on conflict (delivery_id, attempt) do nothing
)
select id from changed
`;

/** One row of a merchant's webhook log, with the names of the API. Times are ISO 8601. */
export interface AttemptRow {
  readonly id: string;
  readonly delivery_id: string;
  readonly event_id: string;
  readonly event_type: string;
  readonly target_url: string;
  readonly attempt: number;
  readonly success: boolean;
  readonly response_status: number | null;
  readonly duration_ms: number;
  readonly next_attempt_at: string | null;
  readonly created_at: string;
}

/** Newest first. Throws `invalid_cursor` if `startingAfter` is not a row of this merchant. */
export async function listAttempts(
  pool: pg.Pool,
  page: { merchantId: string; limit: number; startingAfter: string | null },
): Promise<AttemptRow[]> {
  const { merchantId, limit, startingAfter } = page;
  if (startingAfter === null) {
    const { rows } = await pool.query<AttemptRow>({
      name: 'list_attempts',
      text: `select ${LOG_COLUMNS} from delivery_attempts
        where merchant_id = $1 order by created_at desc, id desc limit $2`,
      values: [merchantId, limit],
    });
    return rows;
  }
  const { rows } = await pool.query<AttemptRow>({
    name: 'list_attempts_after',
    text: LIST_ATTEMPTS_AFTER,
    values: [merchantId, limit, startingAfter],
  });
  if (rows.length === 0) throw new PayflowError('invalid_cursor', { field: 'starting_after' });
  // The cursor itself comes first, to tell an unknown one from the end of the list.
  return rows.slice(1);
}

const LOG_COLUMNS = `id, delivery_id, event_id, event_type, target_url, attempt, success,
  response_status, duration_ms, next_attempt_at, created_at`;

const LIST_ATTEMPTS_AFTER = `
select ${LOG_COLUMNS} from delivery_attempts
where merchant_id = $1 and (created_at, id) <= (
  select created_at, id from delivery_attempts where id = $3 and merchant_id = $1
)
order by created_at desc, id desc limit $2 + 1
`;

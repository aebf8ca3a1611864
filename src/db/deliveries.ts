import type pg from 'pg';
import type { EventPayload, PublicEventType } from '../domain/events.ts';

/**
 * How a delivery goes on from wherever a process died:
 *
 * - `pending`: the dispatcher's, for the first try. While it posts, `claimed_until` keeps others away; once that has
 *   passed without a result the row is claimed and posted again, as the same first try.
 * - `retrying`: its workflow's. Between the row's change and the start of the workflow,
 *   `claimed_until` is set, and the start clears it: a row on which it ran out, or whose retry is
 *   long overdue, has perhaps no workflow and is looked after by `claimRetries`.
 * - `delivered`, `failed`: the end.
 *
 * The result of a try and the row's change are one statement with an ordinary commit. If a crash
 * takes it back, the delivery is as if the try had not been: it is made again, never lost.
 */

/** Longer than any POST with its bookkeeping takes: nobody else posts a delivery that is being posted. */
export const LEASE_SECONDS = 30;
/** An endpoint with so many deliveries in retry gets no first tries … */
const HELD_RETRIES_MIN = 20;
/** … unless none of them is due for so long: then one goes through, to see whether it is back. */
const HELD_QUIET_MINUTES = 20;
/** Posts at once to an endpoint that has deliveries in retry; fewer where all of them failing would be too many. */
const TROUBLED_POSTS_MAX = 2;

/** All that one try needs. */
export interface DueDelivery {
  readonly id: string;
  readonly eventId: string;
  readonly endpointId: string;
  readonly isResend: boolean;
  /** Tries so far. */
  readonly attempts: number;
  readonly status: 'pending' | 'retrying' | 'delivered' | 'failed';
  /** Until the next try is due, in ms; 0 when it is. */
  readonly waitMs: number;
  readonly event: {
    readonly type: PublicEventType;
    /** ISO 8601 with milliseconds. */
    readonly at: string;
    readonly sequence: number;
    readonly payload: EventPayload;
  };
  /** As it is now: a corrected URL also helps the deliveries that were under way. */
  readonly endpoint: {
    readonly url: string | null;
    readonly isActive: boolean;
    readonly secretVersion: number;
    readonly overlapUntil: string | null;
  };
}

/** The columns of a DueDelivery from d (deliveries), v (events) and w (webhook_endpoints). */
const DUE_COLUMNS = `
  d.id, d.event_id as "eventId", d.endpoint_id as "endpointId", d.is_resend as "isResend",
  d.attempts, d.status,
  greatest(0, ceil(extract(epoch from d.next_attempt_at - now()) * 1000))::float8 as "waitMs",
  v.type, v.at, v.sequence, v.payload,
  w.url, w.is_active as "isActive", w.secret_version as "secretVersion", w.overlap_until as "overlapUntil"
`;

type DueRow = Omit<DueDelivery, 'event' | 'endpoint'> & DueDelivery['event'] & DueDelivery['endpoint'];

function dueDelivery(row: DueRow): DueDelivery {
  const { type, at, sequence, payload, url, isActive, secretVersion, overlapUntil, ...delivery } = row;
  return {
    ...delivery,
    waitMs: delivery.waitMs ?? 0,
    event: { type, at, sequence, payload },
    endpoint: { url, isActive, secretVersion, overlapUntil },
  };
}

export interface ClaimLimits {
  /** How many in all. */
  readonly limit: number;
  /** Posts at once to one endpoint. */
  readonly perEndpoint: number;
  /** How many the caller is posting to whom at this moment. */
  readonly busy: ReadonlyMap<string, number>;
}

/** Takes pending deliveries for the length of a lease, in their order. */
export async function claimPending(pool: pg.Pool, limits: ClaimLimits): Promise<DueDelivery[]> {
  const { limit, perEndpoint, busy } = limits;
  const { rows } = await pool.query<DueRow>({
    name: 'claim_pending_deliveries',
    text: CLAIM_PENDING,
    values: [limit, perEndpoint, [...busy.keys()], [...busy.values()]],
  });
  return rows.map(dueDelivery);
}

/**
 * Fair to endpoints: it steps from endpoint to endpoint along the index instead of reading the rows
 * in order of age, so a hundred thousand held rows of a dead one cost nothing, and it takes everybody's
 * first before anybody's second. Rows of an endpoint that is switched off are not held: they are
 * only written off.
 */
const CLAIM_PENDING = `
with recursive waiting (endpoint_id) as (
  (select endpoint_id from deliveries where status = 'pending' order by endpoint_id limit 1)
  union all
  select (select d.endpoint_id from deliveries d
    where d.status = 'pending' and d.endpoint_id > w.endpoint_id order by d.endpoint_id limit 1)
  from waiting w where w.endpoint_id is not null
), room as (
  select e.id as endpoint_id, coalesce(b.posts, 0) as posts, case
      when not e.is_active or r.retries = 0 then $2::int
      when r.retries < ${HELD_RETRIES_MIN} then least($2::int, ${TROUBLED_POSTS_MAX}, ${HELD_RETRIES_MIN} - r.retries)
      when r.next_at > now() + interval '${HELD_QUIET_MINUTES} min' then 1
      else 0
    end as posts_max
  from waiting w join webhook_endpoints e on e.id = w.endpoint_id
    cross join lateral (
      select count(*) as retries, min(next_attempt_at) as next_at from deliveries
      where endpoint_id = e.id and status = 'retrying'
    ) r
    left join unnest($3::uuid[], $4::int[]) as b (endpoint_id, posts) on b.endpoint_id = e.id
), picked as (
  select p.id, row_number() over (partition by p.endpoint_id order by p.created_at, p.event_id) as nth,
    p.created_at
  from room r cross join lateral (
    select d.id, d.endpoint_id, d.event_id, d.created_at from deliveries d
    where d.status = 'pending' and d.endpoint_id = r.endpoint_id
      and (d.claimed_until is null or d.claimed_until < now())
    order by d.created_at, d.event_id
    limit greatest(0, r.posts_max - r.posts) for update skip locked
  ) p
), claimed as (
  update deliveries d set claimed_until = now() + interval '${LEASE_SECONDS} s'
  from (select id from picked order by nth, created_at limit $1) p
  where d.id = p.id
  returning d.*
)
select ${DUE_COLUMNS}
from claimed d join events v on v.id = d.event_id join webhook_endpoints w on w.id = d.endpoint_id
order by d.created_at, d.event_id
`;

/** Gives claimed deliveries back that were not posted, or of which nobody knows how it went. */
export async function releasePending(pool: pg.Pool, ids: readonly string[]): Promise<void> {
  await pool.query({
    name: 'release_pending_deliveries',
    text: `update deliveries set claimed_until = null where id = any ($1::uuid[]) and status = 'pending'`,
    values: [ids],
  });
}

export async function loadDelivery(pool: pg.Pool, id: string): Promise<DueDelivery | null> {
  const { rows } = await pool.query<DueRow>({
    name: 'load_delivery',
    text: `select ${DUE_COLUMNS} from deliveries d join events v on v.id = d.event_id
      join webhook_endpoints w on w.id = d.endpoint_id where d.id = $1`,
    values: [id],
  });
  return rows[0] === undefined ? null : dueDelivery(rows[0]);
}

/** Ends deliveries without a try: their endpoint is switched off, or their workflow was ended by hand. */
export async function giveUpDeliveries(pool: pg.Pool, ids: readonly string[]): Promise<void> {
  await pool.query({
    name: 'give_up_deliveries',
    text: `update deliveries set status = 'failed', claimed_until = null, next_attempt_at = null,
        finished_at = now()
      where id = any ($1::uuid[]) and status in ('pending', 'retrying')`,
    values: [ids],
  });
}

import type pg from 'pg';
import { PayflowError } from '../domain/errors.ts';
import type { PublicEventType } from '../domain/events.ts';
import { newId } from './refs.ts';
import { DELETED } from './webhook-endpoints.ts';

/** One sample to one endpoint. The fields from `success` on are null until something has come of it. */
export interface WebhookSample {
  readonly id: string;
  readonly endpointId: string;
  readonly eventType: PublicEventType;
  /** ISO 8601. */
  readonly createdAt: string;
  readonly success: boolean | null;
  readonly targetUrl: string | null;
  readonly status: number | null;
  readonly body: string | null;
  readonly error: string | null;
  readonly durationMs: number | null;
}

export const SAMPLES_PER_MINUTE_MAX = 10;
const MINUTE_SECONDS = 60;

const COLUMNS = `id, endpoint_id as "endpointId", event_type as "eventType", created_at as "createdAt",
  success, target_url as "targetUrl", response_status as status, response_body as body, error,
  duration_ms as "durationMs"`;

export interface NewSample {
  readonly merchantId: string;
  readonly endpointId: string;
  readonly eventType: PublicEventType;
  readonly key: string | null;
  readonly requestHash: string;
}

/**
 * The row comes before the POST: a repeat with the same key finds it, whatever died meanwhile. Throws
 * `idempotency_key_reused`, or `too_many_requests`: our machines are not for hammering other people's.
 */
export async function insertSample(
  pool: pg.Pool,
  sample: NewSample,
): Promise<{ sample: WebhookSample; replayed: boolean }> {
  const { merchantId, endpointId, eventType, key, requestHash } = sample;
  const { rows } = await pool.query<WebhookSample>({
    name: 'insert_webhook_sample',
    text: INSERT,
    values: [newId(), endpointId, merchantId, eventType, key, requestHash],
  });
  if (rows[0] !== undefined) return { sample: rows[0], replayed: false };
  const earlier = await findByKey(pool, sample);
  if (earlier === null) throw new PayflowError('too_many_requests', { retryAfterSeconds: MINUTE_SECONDS });
  if (earlier.requestHash !== requestHash) throw new PayflowError('idempotency_key_reused');
  return { sample: earlier, replayed: true };
}

const INSERT = `
insert into webhook_samples (id, endpoint_id, merchant_id, event_type, idem_key, request_hash)
select $1, $2, $3, $4, $5, $6 where ${SAMPLES_PER_MINUTE_MAX} > (
  select count(*) from webhook_samples
  where merchant_id = $3 and created_at > now() - interval '${MINUTE_SECONDS} s'
)
on conflict (endpoint_id, idem_key) where idem_key is not null do nothing
returning ${COLUMNS}`;

async function findByKey(
  pool: pg.Pool,
  { endpointId, key }: NewSample,
): Promise<(WebhookSample & { readonly requestHash: string }) | null> {
  const { rows } = await pool.query<WebhookSample & { requestHash: string }>({
    name: 'find_webhook_sample_by_key',
    text: `select ${COLUMNS}, request_hash as "requestHash" from webhook_samples
      where endpoint_id = $1 and idem_key = $2`,
    values: [endpointId, key],
  });
  return rows[0] ?? null;
}

export async function findSample(pool: pg.Pool, id: string): Promise<WebhookSample | null> {
  const { rows } = await pool.query<WebhookSample>({
    name: 'find_webhook_sample',
    text: `select ${COLUMNS} from webhook_samples where id = $1`,
    values: [id],
  });
  return rows[0] ?? null;
}

/** A sample with what its endpoint is at this moment. */
export interface DueSample extends WebhookSample {
  readonly endpoint: {
    /** Null: it has been deleted. */
    readonly url: string | null;
    readonly secretVersion: number;
    readonly overlapUntil: string | null;
  };
}

export async function loadSample(pool: pg.Pool, id: string): Promise<DueSample | null> {
  const sample = await findSample(pool, id);
  if (sample === null) return null;
  const { rows } = await pool.query<DueSample['endpoint']>({
    name: 'load_endpoint_of_sample',
    text: `select case when disabled_reason is distinct from '${DELETED}' then url end as url,
        secret_version as "secretVersion", overlap_until as "overlapUntil"
      from webhook_endpoints where id = $1`,
    values: [sample.endpointId],
  });
  return rows[0] === undefined ? null : { ...sample, endpoint: rows[0] };
}

export type SampleResult = Pick<WebhookSample, 'targetUrl' | 'status' | 'body' | 'error' | 'durationMs'>;

/** The first result stays: the same sample may have been posted twice. */
export async function finishSample(pool: pg.Pool, id: string, result: SampleResult): Promise<void> {
  const { targetUrl, status, body, error, durationMs } = result;
  await pool.query({
    name: 'finish_webhook_sample',
    text: `update webhook_samples set finished_at = now(), success = $5::text is null, target_url = $2,
        response_status = $3, response_body = $4, error = $5, duration_ms = $6
      where id = $1 and finished_at is null`,
    values: [id, targetUrl, status, body, error, durationMs],
  });
}

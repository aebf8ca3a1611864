import type { z } from 'zod';
import type { Resend } from '../../db/delivery-retries.ts';
import type { WebhookEndpoint } from '../../db/webhook-endpoints.ts';
import type { WebhookSample } from '../../db/webhook-samples.ts';
import type { endpoint, newEndpoint, pendingSample, resent, sample, secret } from './schema.ts';

export function presentEndpoint(row: WebhookEndpoint): z.input<typeof endpoint> {
  return {
    id: row.id,
    // Only endpoints with a URL are shown at all.
    url: row.url ?? '',
    events: [...row.events],
    active: row.isActive,
    disabled_reason: row.disabledReason,
    primary: row.isPrimary,
    created_at: row.createdAt,
  };
}

/** `secret` is null where a request is replayed. */
export function presentNewEndpoint(row: WebhookEndpoint, secret: string | null): z.input<typeof newEndpoint> {
  return { ...presentEndpoint(row), secret };
}

/** `overlap_until` is null once the newest secret is the only one that signs; `now` in epoch ms. */
export function presentSecret(
  { overlapUntil }: Pick<WebhookEndpoint, 'overlapUntil'>,
  newest: string | null,
  now: number,
): z.input<typeof secret> {
  const rotating = overlapUntil !== null && Date.parse(overlapUntil) > now;
  return { secret: newest, overlap_until: rotating ? overlapUntil : null };
}

export function presentResend(made: Resend): z.input<typeof resent> {
  return {
    delivery_id: made.id,
    event_id: made.eventId,
    event_type: made.eventType,
    webhook_id: made.endpointId,
    target_url: made.url,
    created_at: made.createdAt,
  };
}

/** Null while nothing has come of it. */
export function presentSample(row: WebhookSample): z.input<typeof sample> | null {
  if (row.success === null) return null;
  return {
    ...sampleFields(row),
    target_url: row.targetUrl,
    success: row.success,
    response_status: row.status,
    response_body: row.body,
    error: row.error,
    duration_ms: row.durationMs,
  };
}

export function presentPendingSample(row: WebhookSample): z.input<typeof pendingSample> {
  return { ...sampleFields(row), success: null };
}

function sampleFields({ id, endpointId, eventType, createdAt }: WebhookSample) {
  return { id, webhook_id: endpointId, event_type: eventType, created_at: createdAt };
}

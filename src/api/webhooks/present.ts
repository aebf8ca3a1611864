import type { z } from 'zod';
import type { WebhookEndpoint } from '../../db/webhook-endpoints.ts';
import type { endpoint, newEndpoint } from './schema.ts';

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

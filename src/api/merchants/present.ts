import type { z } from 'zod';
import type { Merchant } from '../../db/merchants.ts';
import type { WebhookEndpoint } from '../../db/webhook-endpoints.ts';
import type { merchant, newWebhookSecret } from './schema.ts';

export function presentMerchant(row: Merchant): z.input<typeof merchant> {
  return {
    id: row.id,
    user_id: row.userId,
    business_name: row.businessName,
    business_email: row.businessEmail,
    website: row.website,
    webhook_url: row.endpoint.url,
    qr_token: row.qrToken,
    is_active: row.isActive,
    is_verified: row.isVerified,
    created_at: row.createdAt,
  };
}

/** `secret` is null where a request is replayed. */
export function presentNewSecret(
  { overlapUntil }: Pick<WebhookEndpoint, 'overlapUntil'>,
  secret: string | null,
): z.input<typeof newWebhookSecret> {
  return { webhook_secret: secret, overlap_until: overlapUntil };
}

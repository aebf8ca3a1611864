import type { z } from 'zod';
import type { ApiKey } from '../../db/api-keys.ts';
import type { apiKey, newApiKey } from './schema.ts';

export function presentApiKey(row: ApiKey): z.input<typeof apiKey> {
  return {
    id: row.id,
    key_id: row.keyId,
    label: row.label,
    scopes: [...row.scopes],
    is_active: row.isActive,
    expires_at: row.expiresAt,
    last_used_at: row.lastUsedAt,
    created_at: row.createdAt,
  };
}

/** The secret is null in everything that is kept. */
export function presentNewApiKey(row: ApiKey, secret: string | null): z.input<typeof newApiKey> {
  return { ...presentApiKey(row), key_secret: secret };
}

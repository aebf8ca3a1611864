import { z } from 'zod';
import { SCOPES } from '../../db/api-keys.ts';
import { OVERLAP_HOURS, overlapHours } from '../overlap.ts';

const LABEL_LENGTH_MAX = 100;

const scopes = z.array(z.enum(SCOPES)).min(1);

export const keyBody = z
  .strictObject({
    label: z.string().trim().min(1).max(LABEL_LENGTH_MAX).default('Default Key'),
    scopes: scopes.max(SCOPES.length).default([...SCOPES]),
    expires_at: z.iso.datetime({ offset: true }).optional(),
  })
  .meta({ id: 'ApiKeyRequest', example: { label: 'Production Key' } });

export const rollBody = z
  .strictObject({ overlap_hours: overlapHours('How long the old key still works; 0: not at all.') })
  .meta({ id: 'ApiKeyRoll', example: { overlap_hours: OVERLAP_HOURS } });

export const keyParams = z.object({ key_id: z.string().regex(/^pf_key_[0-9a-f]{16}$/) });

const keyFields = {
  id: z.uuid(),
  key_id: z.string().regex(/^pf_key_[0-9a-f]{16}$/),
  label: z.string(),
  scopes,
  is_active: z.boolean(),
  expires_at: z.iso.datetime().nullable(),
  last_used_at: z.iso.datetime().nullable(),
  created_at: z.iso.datetime(),
};

export const apiKey = z.strictObject(keyFields).meta({ id: 'ApiKey' });
export const apiKeys = z.array(apiKey);

export const newApiKey = z
  .strictObject({
    ...keyFields,
    key_secret: z
      .string()
      .nullable()
      .meta({ description: 'Shown this once and kept nowhere; null where a request is replayed.' }),
  })
  .meta({ id: 'NewApiKey' });

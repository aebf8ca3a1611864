import { z } from 'zod';
import { SCOPES } from '../../db/api-keys.ts';
import { email } from '../auth/schema.ts';

const NAME_LENGTH_MAX = 200;
const URL_LENGTH_MAX = 2048;
const LABEL_LENGTH_MAX = 100;

const businessName = z.string().trim().min(1).max(NAME_LENGTH_MAX);
const url = z.url({ protocol: /^https?$/, error: 'Must be an http or https address' }).max(URL_LENGTH_MAX);
/** The empty string and null both mean: none. */
const urlOrNone = z
  .union([z.literal(''), z.null(), url], { error: 'Must be an http or https address, or empty' })
  .transform((given) => (given === '' ? null : given));

export const merchantBody = z
  .strictObject({
    business_name: businessName,
    business_email: email,
    website: urlOrNone.optional(),
    webhook_url: urlOrNone.optional(),
  })
  .meta({
    id: 'MerchantRegistration',
    example: {
      business_name: "Jane's Store",
      business_email: 'payments@mystore.com',
      website: 'https://mystore.com',
      webhook_url: 'https://mystore.com/webhook/payflow',
    },
  });

export const merchantPatch = z
  .strictObject({
    business_name: businessName.optional(),
    website: urlOrNone.optional(),
    webhook_url: urlOrNone.optional(),
  })
  .meta({ id: 'MerchantChanges', example: { webhook_url: 'https://mystore.com/webhook/payflow' } });

const merchantFields = {
  id: z.uuid(),
  user_id: z.uuid(),
  business_name: z.string(),
  business_email: z.string(),
  website: z.string().nullable(),
  webhook_url: z.string().nullable(),
  qr_token: z.string().regex(/^[0-9a-f]{32}$/),
  is_active: z.boolean(),
  is_verified: z.boolean(),
  created_at: z.iso.datetime(),
};

export const merchant = z.strictObject(merchantFields).meta({ id: 'Merchant' });

export const newMerchant = z
  .strictObject({
    ...merchantFields,
    webhook_secret: z.string().meta({ description: 'Signs every webhook; keep it on your server.' }),
  })
  .meta({ id: 'NewMerchant' });

const scopes = z.array(z.enum(SCOPES)).min(1);

export const keyBody = z
  .strictObject({
    label: z.string().trim().min(1).max(LABEL_LENGTH_MAX).default('Default Key'),
    scopes: scopes.max(SCOPES.length).default([...SCOPES]),
    expires_at: z.iso.datetime({ offset: true }).optional(),
  })
  .meta({ id: 'ApiKeyRequest', example: { label: 'Production Key' } });

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

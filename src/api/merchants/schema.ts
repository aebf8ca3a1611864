import { z } from 'zod';
import { email } from '../auth/schema.ts';
import { overlapUntil } from '../webhooks/schema.ts';

const NAME_LENGTH_MAX = 200;
const URL_LENGTH_MAX = 2048;

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

const secretField = {
  webhook_secret: z.string().meta({ description: 'Signs every webhook; keep it on your server.' }),
};

export const webhookSecret = z.strictObject(secretField).meta({ id: 'WebhookSecret' });

export const newWebhookSecret = z
  .strictObject({
    webhook_secret: z
      .string()
      .nullable()
      .meta({ description: 'Null where a request is replayed: ask for it.' }),
    overlap_until: overlapUntil,
  })
  .meta({ id: 'NewWebhookSecret' });

export const newMerchant = z
  .strictObject({
    ...merchantFields,
    ...secretField,
  })
  .meta({ id: 'NewMerchant' });

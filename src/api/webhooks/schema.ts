import { z } from 'zod';
import { PUBLIC_EVENTS } from '../../domain/events.ts';
import { OVERLAP_HOURS, overlapHours } from '../overlap.ts';

const PAGE_SIZE_MAX = 100;
const PAGE_SIZE = 50;
const URL_LENGTH_MAX = 2048;

export const logQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(PAGE_SIZE_MAX).default(PAGE_SIZE),
  starting_after: z.uuid().optional(),
});

export const logRow = z
  .strictObject({
    id: z.uuid(),
    delivery_id: z
      .uuid()
      .meta({ description: 'X-PayFlow-Delivery: the same over all tries of one delivery' }),
    event_id: z.string(),
    event_type: z.string(),
    target_url: z.string(),
    attempt: z.int(),
    success: z.boolean(),
    response_status: z.int().nullable(),
    duration_ms: z.int(),
    next_attempt_at: z.iso.datetime().nullable(),
    created_at: z.iso.datetime(),
  })
  .meta({ id: 'WebhookAttempt' });

export const log = z.array(logRow);

const url = z.url({ protocol: /^https?$/, error: 'Must be an http or https address' }).max(URL_LENGTH_MAX);
const kinds = z
  .array(z.enum(PUBLIC_EVENTS))
  .min(1)
  .max(PUBLIC_EVENTS.length)
  .refine((each) => new Set(each).size === each.length, 'Each event once');

export const endpointBody = z.strictObject({ url, events: kinds }).meta({
  id: 'WebhookEndpointRequest',
  example: { url: 'https://mystore.com/webhook/payflow', events: ['payment.captured', 'refund.failed'] },
});

export const endpointPatch = z
  .strictObject({ url: url.optional(), events: kinds.optional(), active: z.boolean().optional() })
  .meta({ id: 'WebhookEndpointChanges', example: { active: true } });

export const endpointParams = z.object({ webhook_id: z.uuid() });

const endpointFields = {
  id: z.uuid(),
  url: z.string(),
  events: z.array(z.enum(PUBLIC_EVENTS)),
  active: z.boolean(),
  disabled_reason: z
    .string()
    .nullable()
    .meta({ description: 'Why it is switched off, where it was not you.' }),
  primary: z.boolean().meta({ description: 'The `webhook_url` of your profile.' }),
  created_at: z.iso.datetime(),
};

export const endpoint = z.strictObject(endpointFields).meta({ id: 'WebhookEndpoint' });
export const endpoints = z.array(endpoint);

export const newEndpoint = z
  .strictObject({
    ...endpointFields,
    secret: z.string().nullable().meta({
      description: 'Signs what is sent there; null where a request is replayed: ask for it on its own.',
    }),
  })
  .meta({ id: 'NewWebhookEndpoint' });

export const rotation = z
  .strictObject({ overlap_hours: overlapHours('For so long the secret before still signs.') })
  .meta({ id: 'WebhookSecretRotation', example: { overlap_hours: OVERLAP_HOURS } });

export const overlapUntil = z.iso
  .datetime()
  .nullable()
  .meta({ description: 'Until then the secret before still signs; null where it does not.' });

export const secret = z
  .strictObject({
    secret: z.string().nullable().meta({ description: 'Null where a request is replayed: ask for it.' }),
    overlap_until: overlapUntil,
  })
  .meta({ id: 'WebhookEndpointSecret' });

export const deliveryParams = z.object({
  delivery_id: z.uuid().meta({ description: 'A `delivery_id`, or the `id` of a row of the log.' }),
});

export const resent = z
  .strictObject({
    delivery_id: z.uuid().meta({ description: 'Of the new delivery: its X-PayFlow-Delivery.' }),
    event_id: z.string(),
    event_type: z.enum(PUBLIC_EVENTS),
    webhook_id: z.uuid(),
    target_url: z.string(),
    created_at: z.iso.datetime(),
  })
  .meta({ id: 'WebhookResend' });

export const sampleBody = z
  .strictObject({
    event: z
      .enum(PUBLIC_EVENTS)
      .optional()
      .meta({ description: 'The first that the endpoint subscribes to unless given.' }),
  })
  .meta({ id: 'WebhookTestRequest', example: { event: 'payment.captured' } });

const sampleFields = {
  id: z.uuid().meta({ description: 'X-PayFlow-Delivery of the sample.' }),
  webhook_id: z.uuid(),
  event_type: z.enum(PUBLIC_EVENTS),
  created_at: z.iso.datetime(),
};

export const sample = z
  .strictObject({
    ...sampleFields,
    target_url: z.string().nullable(),
    success: z.boolean(),
    response_status: z.int().nullable(),
    response_body: z.string().nullable().meta({ description: 'The first kilobyte at most.' }),
    error: z.string().nullable().meta({ description: 'Why it is no success.' }),
    duration_ms: z.int().nullable(),
  })
  .meta({ id: 'WebhookTest' });

export const pendingSample = z
  .strictObject({ ...sampleFields, success: z.null() })
  .meta({ id: 'PendingWebhookTest' });

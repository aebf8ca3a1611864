import { z } from 'zod';
import { PUBLIC_EVENTS } from '../../domain/events.ts';

const PAGE_SIZE_MAX = 100;

export const eventsQuery = z.strictObject({
  after: z.coerce
    .number()
    .int()
    .min(0)
    .max(Number.MAX_SAFE_INTEGER)
    .default(0)
    .meta({ description: 'The `sequence` of the last event you know; those beyond it follow.' }),
  limit: z.coerce.number().int().min(1).max(PAGE_SIZE_MAX).default(PAGE_SIZE_MAX),
});

const payload = z.strictObject({
  payment_ref: z.string().nullable(),
  order_ref: z.string(),
  amount: z.int(),
  method: z.string().nullable(),
  status: z.string(),
  refund_ref: z.string().optional(),
  refund_amount: z.int().optional(),
  refund_status: z.string().optional(),
});

const event = z
  .strictObject({
    id: z.string().regex(/^evt_/),
    event: z.enum(PUBLIC_EVENTS),
    created_at: z.iso.datetime(),
    sequence: z.int().meta({ description: 'Per merchant, from 1, without a gap.' }),
    api_version: z.string(),
    payload,
  })
  .meta({ id: 'Event' });

export const events = z.array(event);

import { z } from 'zod';

const PAGE_SIZE_MAX = 100;
const PAGE_SIZE = 50;

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

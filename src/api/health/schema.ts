import { z } from 'zod';

export const health = z
  .strictObject({
    status: z.literal('ok'),
    version: z.string(),
    service: z.string(),
    db: z.enum(['up', 'down']),
  })
  .meta({ id: 'Health' });

export const readiness = z
  .strictObject({
    status: z.enum(['ready', 'not_ready']),
    checks: z.record(z.string(), z.enum(['ok', 'failed'])),
  })
  .meta({ id: 'Readiness' });

export const pointer = z
  .strictObject({
    service: z.string(),
    version: z.string(),
    docs: z.string(),
    openapi: z.string(),
    health: z.string(),
  })
  .meta({ id: 'Pointer' });

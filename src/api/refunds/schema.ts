import { z } from 'zod';
import { REFUND_REF } from '../../domain/ids.ts';
import { AMOUNT_MAX } from '../../domain/money.ts';
import { REFUND_STATUSES } from '../../domain/refund.ts';
import { pageFields } from '../next-page.ts';

const REASON_LENGTH_MAX = 256;
const NOTES_LENGTH_MAX = 4_096;

export const refundBody = z
  .strictObject({
    amount: z
      .int()
      .min(1)
      .max(AMOUNT_MAX)
      .nullish()
      .meta({ description: 'Whatever remains, unless less is given.' }),
    reason: z.string().max(REASON_LENGTH_MAX).nullish(),
    notes: z.string().max(NOTES_LENGTH_MAX).nullish(),
  })
  .meta({
    id: 'RefundRequest',
    example: { amount: 10000, reason: 'customer_request', notes: 'Order returned by customer' },
  });

export const refund = z
  .strictObject({
    id: z.uuid(),
    refund_ref: z.string().regex(REFUND_REF),
    payment_id: z.uuid(),
    payment_ref: z.string(),
    amount: z.int(),
    currency: z.enum(['INR', 'USD', 'EUR']),
    status: z.enum(REFUND_STATUSES),
    reason: z.string().nullable(),
    error_reason: z.string().nullable(),
    created_at: z.iso.datetime(),
    processed_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'Refund' });

export const refunds = z.array(refund);

export const refundsQuery = z.strictObject(pageFields);

export const acceptedRefund = z
  .strictObject({
    payment_ref: z.string(),
    refund_ref: z.string().regex(REFUND_REF),
    status: z.literal('pending'),
  })
  .meta({ id: 'AcceptedRefund' });

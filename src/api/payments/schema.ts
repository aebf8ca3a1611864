import { z } from 'zod';
import { AMOUNT_MAX } from '../../domain/money.ts';
import { ORDER_REF, PAYMENT_REF } from '../../domain/ids.ts';
import { METHODS } from '../../domain/payment.ts';
import { moment, pageFields } from '../next-page.ts';

export const paymentParams = z.object({ payment_ref: z.string().regex(PAYMENT_REF) });

const STATUSES = ['created', 'authorized', 'captured', 'refunded', 'failed'] as const;

export const paymentsQuery = z.strictObject({
  ...pageFields,
  status: z.enum(STATUSES).optional(),
  method: z.enum(METHODS).optional(),
  from: moment,
  to: moment,
});

/** No body, or an empty one. */
export const voidBody = z.strictObject({}).meta({ id: 'VoidRequest' });

export const captureBody = z
  .strictObject({
    amount: z
      .int()
      .min(1)
      .max(AMOUNT_MAX)
      .nullish()
      .meta({ description: 'All that was authorized, unless less is given; the rest is released.' }),
  })
  .meta({ id: 'CaptureRequest' });

const nextAction = z
  .strictObject({
    type: z.enum(['redirect', 'upi_intent', 'otp']),
    url: z.url(),
    intent_url: z.string().optional(),
    expires_at: z.iso.datetime(),
  })
  .meta({ id: 'NextAction', description: 'What the payer has to do, and until when.' });

export const payment = z
  .strictObject({
    id: z.uuid(),
    payment_ref: z.string().regex(PAYMENT_REF),
    order_id: z.uuid(),
    order_ref: z.string().regex(ORDER_REF),
    amount: z.int(),
    currency: z.enum(['INR', 'USD', 'EUR']),
    method: z.enum(METHODS),
    status: z.enum(STATUSES),
    phase: z.enum([
      'submitted',
      'awaiting_customer',
      'unknown',
      'in_review',
      'authorized',
      'captured',
      'voided',
      'failed',
      'refunded',
    ]),
    email: z.string().nullable(),
    contact: z.string().nullable(),
    vpa: z.string().nullable(),
    card_number_masked: z.string().nullable(),
    card_network: z.string().nullable(),
    amount_captured: z.int(),
    amount_refunded: z.int(),
    refund_status: z.enum(['partial', 'full']).nullable(),
    is_flagged: z.boolean(),
    flag_reason: z.string().nullable(),
    created_at: z.iso.datetime(),
    authorized_at: z.iso.datetime().nullable(),
    captured_at: z.iso.datetime().nullable(),
    failed_at: z.iso.datetime().nullable(),
    capture_before: z.iso.datetime().nullable(),
    acquirer_reference: z.string().nullable(),
    error_code: z.string().nullable(),
    error_description: z.string().nullable(),
    error_source: z.string().nullable(),
    error_step: z.string().nullable(),
    error_reason: z.string().nullable(),
    next_action: nextAction.nullable(),
  })
  .meta({ id: 'Payment' });

export const payments = z.array(payment);

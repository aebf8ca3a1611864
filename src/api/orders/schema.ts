import { z } from 'zod';
import { AMOUNT_MAX, CURRENCIES } from '../../domain/money.ts';
import { ORDER_REF } from '../../domain/ids.ts';
import { moment, pageFields } from '../next-page.ts';

const RECEIPT_LENGTH_MAX = 40;
const NOTES_LENGTH_MAX = 4_096;
const NOTES_PAIRS_MAX = 15;
const NOTE_LENGTH_MAX = 256;
const EXPIRES_IN_SECONDS_MIN = 60;
const EXPIRES_IN_SECONDS_MAX = 7 * 24 * 60 * 60;
const EXPIRES_IN_SECONDS = 30 * 60;

const note = z.union([z.string().max(NOTE_LENGTH_MAX), z.int(), z.boolean()]);
const notes = z.union([
  z.string().max(NOTES_LENGTH_MAX),
  z
    .record(z.string().max(NOTE_LENGTH_MAX), note)
    .refine((pairs) => Object.keys(pairs).length <= NOTES_PAIRS_MAX, `At most ${NOTES_PAIRS_MAX} pairs`),
]);

export const orderBody = z
  .strictObject({
    /** Zero and less are refused with a 400 of their own. */
    amount: z.int().max(AMOUNT_MAX).meta({ description: 'In minor units: ₹499.00 is 49900.' }),
    /** The list of currencies is a 400 of its own, too. */
    currency: z
      .string()
      .default('INR')
      .meta({ description: CURRENCIES.join(', ') }),
    receipt: z.string().max(RECEIPT_LENGTH_MAX).nullish(),
    notes: notes.nullish(),
    expires_in: z
      .int()
      .min(EXPIRES_IN_SECONDS_MIN)
      .max(EXPIRES_IN_SECONDS_MAX)
      .default(EXPIRES_IN_SECONDS)
      .meta({ description: 'Seconds until the order can no longer be paid.' }),
    payment_capture: z.enum(['automatic', 'manual']).default('automatic'),
  })
  .meta({ id: 'OrderRequest', example: { amount: 49900, currency: 'INR', receipt: 'order_1234' } });

export const orderParams = z.object({ order_ref: z.string().regex(ORDER_REF) });

const STATUSES = ['created', 'attempted', 'paid', 'expired'] as const;

export const ordersQuery = z.strictObject({
  ...pageFields,
  status: z.enum(STATUSES).optional(),
  receipt: z.string().max(RECEIPT_LENGTH_MAX).optional(),
  from: moment,
  to: moment,
});

export const order = z
  .strictObject({
    id: z.uuid(),
    order_ref: z.string().regex(ORDER_REF),
    amount: z.int(),
    currency: z.enum(CURRENCIES),
    status: z.enum(STATUSES),
    receipt: z.string().nullable(),
    notes: notes.nullable(),
    attempts: z.int(),
    created_at: z.iso.datetime(),
    expires_at: z.iso.datetime(),
    amount_paid: z.int(),
    amount_due: z.int(),
    amount_refunded: z.int(),
    payment_capture: z.enum(['automatic', 'manual']),
    checkout_url: z.url(),
  })
  .meta({ id: 'Order' });

export const orders = z.array(order);

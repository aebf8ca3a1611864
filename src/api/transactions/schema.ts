import { z } from 'zod';
import { ORDER_REF, PAYMENT_REF } from '../../domain/ids.ts';
import { AMOUNT_MAX } from '../../domain/money.ts';
import { METHODS } from '../../domain/payment.ts';
import { payBody } from '../checkout/schema.ts';
import { pageFields } from '../next-page.ts';
import { isWholePaise, rupeesOf } from './rupees.ts';

const KEY_LENGTH_MAX = 255;

export const LEGACY_METHODS = ['upi', 'card', 'netbanking'] as const;

export const transactionBody = payBody
  .pick({ vpa: true, card_number: true, card_expiry: true, card_cvv: true, card_name: true, bank_code: true })
  .extend({
    /** Zero and less are refused with a 400 of their own. */
    amount: z
      .number()
      .max(rupeesOf(AMOUNT_MAX))
      .refine(isWholePaise, 'At most two decimals')
      .meta({ description: 'In rupees: ₹499.00 is 499, and 499.5 is ₹499.50.' }),
    /** Unknown methods are a 400 of their own. */
    payment_method: z
      .string()
      .max(KEY_LENGTH_MAX)
      .meta({ description: LEGACY_METHODS.join(', ') }),
    idempotency_key: z
      .string()
      .min(1)
      .max(KEY_LENGTH_MAX)
      .meta({ description: 'Your name for this transaction: a repeat gets the first one.' }),
  })
  .meta({
    id: 'TransactionRequest',
    example: { amount: 499, payment_method: 'upi', idempotency_key: 'txn-1' },
  });
export type TransactionBody = z.output<typeof transactionBody>;

export const transactionParams = z.object({ id: z.uuid() });

export const transactionsQuery = z.strictObject({
  ...pageFields,
  starting_after: z.uuid().optional().meta({ description: 'The id that the page before ended with.' }),
  ending_before: z.uuid().optional().meta({ description: 'The id that the page after begins with.' }),
});

export const transaction = z
  .strictObject({
    id: z.uuid(),
    amount: z.number().meta({ description: 'In rupees.' }),
    payment_method: z.enum(METHODS),
    status: z.enum(['pending', 'processing', 'success', 'failed', 'refunded']),
    idempotency_key: z.string().nullable(),
    is_flagged: z.boolean(),
    user_id: z.uuid().nullable(),
    merchant_id: z.uuid().nullable(),
    admin_id: z.uuid().nullable(),
    created_at: z.iso.datetime(),
    order_ref: z.string().regex(ORDER_REF),
    payment_ref: z.string().regex(PAYMENT_REF).nullable(),
  })
  .meta({ id: 'Transaction' });

export const transactions = z.array(transaction);

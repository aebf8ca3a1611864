import { createHash } from 'node:crypto';
import { z } from 'zod';
import { AMOUNT_MAX, CURRENCIES } from '../domain/money.ts';
import { hasCheckDigit } from './magic.ts';

const KEY_CHARACTERS_MAX = 300;
const TEXT_CHARACTERS_MAX = 255;
const URL_CHARACTERS_MAX = 2_048;
const JOURNAL_ROWS_MAX = 1_000;
const PAN_DIGITS = /^\d{12,19}$/;

// Postgres text holds no NUL.
const text = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .regex(/^[^\0]*$/);

const key = text(KEY_CHARACTERS_MAX);
const amount = z.number().int().min(1).max(AMOUNT_MAX);
const step = {
  key,
  order_ref: text(TEXT_CHARACTERS_MAX),
  reference: text(TEXT_CHARACTERS_MAX),
  currency: z.enum(CURRENCIES),
};

export const tokenRequest = z.strictObject({
  number: z.string().regex(PAN_DIGITS).refine(hasCheckDigit, 'fails the Luhn check'),
  expiry_month: z.number().int().min(1).max(12),
  expiry_year: z.number().int().min(2000).max(2999),
  cvv: z.string().regex(/^\d{3,4}$/),
  name: z.string().max(TEXT_CHARACTERS_MAX).nullish(),
});

const optionalText = text(TEXT_CHARACTERS_MAX).optional();

export const authorizeRequest = z
  .strictObject({
    key,
    order_ref: text(TEXT_CHARACTERS_MAX),
    amount,
    currency: z.enum(CURRENCIES),
    method: z.enum(['upi', 'card', 'netbanking', 'wallet']),
    instrument: z.strictObject({
      vpa: optionalText,
      card_token: optionalText,
      bank_code: optionalText,
      wallet: optionalText,
      // Any answer of the payer's, also an empty one: a bad one is declined, not refused.
      otp: z.string().max(TEXT_CHARACTERS_MAX).optional(),
    }),
    return_url: z.url({ protocol: /^https?$/ }).max(URL_CHARACTERS_MAX),
  })
  .refine(({ method, instrument }) => method !== 'card' || instrument.card_token !== undefined, {
    path: ['instrument', 'card_token'],
    message: 'is needed for a card',
  });
export type AuthorizeRequest = z.infer<typeof authorizeRequest>;

export const captureRequest = z.strictObject({ ...step, amount });
export const voidRequest = z.strictObject(step);
export const refundRequest = z.strictObject({ ...step, amount });
export const abandonRequest = z.strictObject({ key });
export const settleRequest = z.strictObject({ outcome: z.enum(['processed', 'declined']) });
export const payerRequest = z.object({ otp: z.string().max(TEXT_CHARACTERS_MAX).optional() });

export const journalQuery = z.object({
  after: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER).default(0),
  limit: z.coerce.number().int().min(1).max(JOURNAL_ROWS_MAX).default(100),
});

/** Two requests are the same when they have the same values; the order of their properties is the schema's. */
export function hashRequest(kind: string, request: Readonly<Record<string, unknown>>): string {
  return createHash('sha256')
    .update(JSON.stringify([kind, request]))
    .digest('hex');
}

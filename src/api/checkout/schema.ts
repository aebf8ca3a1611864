import { z } from 'zod';
import { ORDER_REF } from '../../domain/ids.ts';
import { holdsCardNumber } from './card.ts';

const TEXT_LENGTH_MAX = 255;
const CARD_TEXT_LENGTH_MAX = 40;

/** Kept in clear, so never a card number. An empty field of a form is no field. */
const kept = z
  .string()
  .trim()
  .max(TEXT_LENGTH_MAX)
  .refine((text) => !holdsCardNumber(text), 'Must not hold a card number')
  .transform((text) => (text === '' ? undefined : text))
  .optional();
const cardText = z.string().max(CARD_TEXT_LENGTH_MAX).optional();

export const payParams = z.object({ order_ref: z.string().regex(ORDER_REF) });

export const payBody = z
  .strictObject({
    order_ref: z.string().max(TEXT_LENGTH_MAX).optional(),
    /** Unknown methods are a 400 of their own. */
    method: z.string().max(TEXT_LENGTH_MAX).meta({ description: 'upi, card, netbanking or wallet' }),
    email: kept,
    contact: kept,
    vpa: kept,
    card_number: cardText,
    card_expiry: cardText,
    card_cvv: cardText,
    card_name: cardText,
    bank_code: kept,
    wallet: kept,
    otp: kept,
    /** Of the form without JavaScript, in place of the header. */
    idempotency_key: z.string().max(TEXT_LENGTH_MAX).optional(),
  })
  .meta({ id: 'PayRequest', example: { method: 'upi', vpa: 'success@payflow' } });
export type PayBody = z.output<typeof payBody>;

import { z } from 'zod';
import { ORDER_REF } from '../../domain/ids.ts';
import { holdsCardNumber } from './card.ts';

const TEXT_LENGTH_MAX = 255;
const CARD_TEXT_LENGTH_MAX = 40;
const VISIBLE_ASCII = /^[\x21-\x7e]{1,255}$/;

/** Kept in clear, so never a card number. An empty field of a form is no field, and neither is null. */
const kept = z
  .string()
  .trim()
  .max(TEXT_LENGTH_MAX)
  .refine((text) => !holdsCardNumber(text), 'Must not hold a card number')
  .nullish()
  .transform((text) => (text === '' || text === null ? undefined : text));
const cardText = z.string().max(CARD_TEXT_LENGTH_MAX).nullish();

export const payParams = z.object({ order_ref: z.string().regex(ORDER_REF) });

export const payBody = z
  .strictObject({
    order_ref: z.string().max(TEXT_LENGTH_MAX).nullish(),
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
    idempotency_key: z.string().regex(VISIBLE_ASCII).optional(),
  })
  .meta({ id: 'PayRequest', example: { method: 'upi', vpa: 'success@payflow' } });
export type PayBody = z.output<typeof payBody>;

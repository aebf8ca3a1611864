import { createHmac } from 'node:crypto';
import validator from 'card-validator';
import type { CardData } from '../../domain/card.ts';
import { deriveKey } from '../derive-key.ts';
import { InvalidRequest, type Detail } from '../middleware/invalid-request.ts';

/** What the payer typed; in memory only, on its way to the bank's vault. */
export interface TypedCard {
  readonly card_number?: string | null | undefined;
  readonly card_expiry?: string | null | undefined;
  readonly card_cvv?: string | null | undefined;
  readonly card_name?: string | null | undefined;
}

const { creditCardType } = validator;
// The package does not know RuPay and takes its numbers for Maestro, Discover or nothing.
creditCardType.addCard({
  niceType: 'RuPay',
  type: 'rupay',
  patterns: [60, [6521, 6522], 81, 82, 508],
  gaps: [4, 8, 12],
  lengths: [16],
  code: { name: 'CVV', size: 3 },
});
creditCardType.changeOrder('rupay', 0);

/** Refused with the field's name, never with its value. */
export function checkCard(typed: TypedCard): CardData {
  const number = (typed.card_number ?? '').replace(/[ -]/g, '');
  const { isValid, card } = validator.number(number, { luhnValidateUnionPay: true });
  const expiry = validator.expirationDate(typed.card_expiry ?? '');
  const cvv = typed.card_cvv ?? '';
  const wrong: Detail[] = [];
  if (!/^\d+$/.test(number) || !isValid) wrong.push(fault('card_number', 'Not a valid card number'));
  if (!expiry.isValid) wrong.push(fault('card_expiry', 'Not a valid expiry date in the future (MM/YY)'));
  if (!validator.cvv(cvv, card?.code.size ?? [3, 4]).isValid) {
    wrong.push(fault('card_cvv', 'Not a valid security code for this card'));
  }
  if (wrong.length > 0) throw new InvalidRequest(wrong);
  const year = Number(expiry.year);
  return {
    number,
    expiryMonth: Number(expiry.month),
    expiryYear: year < 100 ? 2000 + year : year,
    cvv,
    name: typed.card_name?.trim() || null,
  };
}

function fault(field: string, msg: string): Detail {
  return { loc: ['body', field], msg, type: 'value_error' };
}

/** Digits with at most two other characters between them, as people and pages write card numbers. */
const DIGITS = /\d(?:[^\p{L}\d@]{0,2}\d){12,}/gu;
const CARD_LENGTH_MIN = 13;
const CARD_LENGTH_MAX = 19;

/** Whether somebody typed a card number where it would be kept in clear, alone or among other digits. */
export function holdsCardNumber(text: string): boolean {
  // NFKC makes the wide digits of East Asian keyboards plain ones.
  const runs = text.normalize('NFKC').match(DIGITS) ?? [];
  return runs.some((run) => holdsCard(run.replace(/\D/g, '')));
}

function holdsCard(digits: string): boolean {
  for (let start = 0; start + CARD_LENGTH_MIN <= digits.length; start += 1) {
    for (
      let length = CARD_LENGTH_MIN;
      length <= CARD_LENGTH_MAX && start + length <= digits.length;
      length += 1
    ) {
      const part = digits.slice(start, start + length);
      // The check digit first: of all other digits one in ten looks right, and the package is slow.
      if (passesLuhn(part) && validator.number(part).isValid) return true;
    }
  }
  return false;
}

function passesLuhn(digits: string): boolean {
  let sum = 0;
  for (let index = 0; index < digits.length; index += 1) {
    const digit = Number(digits[digits.length - 1 - index]);
    const doubled = index % 2 === 0 ? digit : digit * 2;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}

/** Tells the same card again without telling which card it is. */
export function createCardFingerprint(secretKey: string): (number: string) => string {
  const key = deriveKey(secretKey, 'card-fingerprint');
  return (number) => createHmac('sha256', key).update(number).digest('hex');
}

/** Money as integer minor units ("paise": ₹1 = 100) with its currency beside it. */

export const CURRENCIES = ['INR', 'USD', 'EUR'] as const;
export type Currency = (typeof CURRENCIES)[number];

/** The largest amount of an order: just below a thousand million rupees. */
export const AMOUNT_MAX = 99_999_999_999;

export interface Money {
  readonly amount: number;
  readonly currency: Currency;
}

const SYMBOL: Record<Currency, string> = { INR: '₹', USD: '$', EUR: '€' };

/** The only way to make Money. Throws a RangeError for anything but a safe, non-negative integer. */
export function money(amount: number, currency: Currency): Money {
  if (!Number.isSafeInteger(amount) || amount < 0) {
    throw new RangeError(`not an amount in minor units: ${amount}`);
  }
  return { amount, currency };
}

/** `₹1,23,456.00` in Indian grouping, `$1,234.56` otherwise; all three currencies have two decimals. */
export function formatMoney({ amount, currency }: Money): string {
  const whole = Math.floor(amount / 100).toString();
  const decimals = (amount % 100).toString().padStart(2, '0');
  const grouped =
    currency === 'INR' ? whole.replace(/\B(?=(\d{2})*\d{3}$)/g, ',') : whole.replace(/\B(?=(\d{3})+$)/g, ',');
  return `${SYMBOL[currency]}${grouped}.${decimals}`;
}

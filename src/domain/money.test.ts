import fc from 'fast-check';
import { AMOUNT_MAX, CURRENCIES, formatMoney, money } from './money.ts';

test.each([
  [0, '₹0.00'],
  [1, '₹0.01'],
  [99, '₹0.99'],
  [100, '₹1.00'],
  [49_900, '₹499.00'],
  [99_999, '₹999.99'],
  [100_000, '₹1,000.00'],
  [9_999_999, '₹99,999.99'],
  [10_000_000, '₹1,00,000.00'],
  [12_345_678, '₹1,23,456.78'],
  [1_234_567_890, '₹1,23,45,678.90'],
  [AMOUNT_MAX, '₹99,99,99,999.99'],
])('%d paise → %s, in Indian grouping', (amount, text) => {
  expect(formatMoney(money(amount, 'INR'))).toBe(text);
});

test.each([
  ['USD', 123_456, '$1,234.56'],
  ['USD', AMOUNT_MAX, '$999,999,999.99'],
  ['EUR', 100_000_000, '€1,000,000.00'],
  ['EUR', 5, '€0.05'],
] as const)('%s %d → %s, in groups of three', (currency, amount, text) => {
  expect(formatMoney({ amount, currency })).toBe(text);
});

test.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, -0.1])('%d is no amount', (amount) => {
  expect(() => money(amount, 'INR')).toThrow(RangeError);
});

test('the bounds themselves are amounts', () => {
  expect(money(0, 'EUR')).toEqual({ amount: 0, currency: 'EUR' });
  expect(money(Number.MAX_SAFE_INTEGER, 'EUR').amount).toBe(Number.MAX_SAFE_INTEGER);
  expect(AMOUNT_MAX).toBe(99_999_999_999);
});

test('every amount in every currency can be read back from its text', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.constantFrom(...CURRENCIES), (amount, currency) => {
      const digits = formatMoney({ amount, currency }).replace(/[^0-9]/g, '');
      expect(Number(digits)).toBe(amount);
    }),
  );
});

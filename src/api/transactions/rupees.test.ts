import fc from 'fast-check';
import { AMOUNT_MAX } from '../../domain/money.ts';
import { isWholePaise, paiseOf, rupeesOf } from './rupees.ts';

test('every amount there and back is the same amount', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: AMOUNT_MAX }), (paise) => {
      const written = `${Math.floor(paise / 100)}.${String(paise % 100).padStart(2, '0')}`;
      const rupees = JSON.parse(written) as number;
      expect(isWholePaise(rupees)).toBe(true);
      expect(paiseOf(rupees)).toBe(paise);
      expect(rupeesOf(paise)).toBe(rupees);
    }),
  );
});

test('a third decimal is seen, however large the amount', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: Math.floor(AMOUNT_MAX / 100) }),
      fc.integer({ min: 0, max: 99 }),
      fc.integer({ min: 1, max: 9 }),
      (whole, cents, third) => {
        const written = `${whole}.${String(cents).padStart(2, '0')}${third}`;
        expect(isWholePaise(JSON.parse(written) as number)).toBe(false);
      },
    ),
  );
});

test.each([
  [499.99, true],
  [0.01, true],
  [1e2, true],
  [-5.5, true],
  [0.005, false],
  [0.1 + 0.2, false],
  [1e-7, false],
  [NaN, false],
])('%p whole paise: %p', (rupees, whole) => {
  expect(isWholePaise(rupees)).toBe(whole);
});

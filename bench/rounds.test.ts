import { measure, median, quantile, spread, type Contender } from './rounds.ts';

const contender = (pay: () => Promise<void>): Contender => ({
  name: 'test',
  create: () => Promise.resolve('order'),
  pay,
  cost: () => Promise.resolve({ historyLength: 1, transitions: 1 }),
});

test('counts what was paid and what was not', async () => {
  let calls = 0;
  const measured = await measure(
    contender(() => (calls++ % 4 === 0 ? Promise.reject(new Error('declined')) : Promise.resolve())),
    { orders: 20, concurrency: 4 },
  );
  expect(calls).toBe(20);
  expect(measured.errors).toBe(5);
  expect(measured.ordersPerSecond).toBeGreaterThan(0);
});

test('quantiles, medians and spreads are those of the sorted values', () => {
  const values = [5, 1, 4, 2, 3];
  expect(median(values)).toBe(3);
  expect(quantile(values, 0.99)).toBe(5);
  expect(spread(values)).toBeCloseTo((4 - 2) / 3);
});

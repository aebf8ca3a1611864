import { difference, measure, median, quantile, ratio, spread, type Contender } from './rounds.ts';

const contender = (pay: () => Promise<void>): Contender => ({
  name: 'test',
  create: () => Promise.resolve('order'),
  pay,
  settled: () => Promise.resolve(),
  cost: () => Promise.resolve({ historyLength: 1, transitions: 1 }),
});

test('counts what was paid, and says why the rest was not', async () => {
  let calls = 0;
  const measured = await measure(
    contender(() => (calls++ % 4 === 0 ? Promise.reject(new Error('declined')) : Promise.resolve())),
    { orders: 20, concurrency: 4 },
  );
  expect(calls).toBe(20);
  expect(measured.errors).toEqual(Array(5).fill('test: declined'));
  expect(measured.ordersPerSecond).toBeGreaterThan(0);
});

test('quantiles, medians and spreads are those of the sorted values', () => {
  const values = [5, 1, 4, 2, 3];
  expect(median(values)).toBe(3);
  expect(median([4, 1, 2, 3])).toBe(2.5);
  expect(median([])).toBeNaN();
  expect(quantile(values, 0.99)).toBe(5);
  expect(spread(values)).toEqual({ median: 3, lowest: 1, highest: 5 });
});

test('a ratio and a difference are those of the medians, their spread that of the rounds', () => {
  // The second round was slow for both; the third for ours alone.
  expect(ratio([40, 8, 30], [50, 10, 60])).toEqual({ median: 30 / 50, lowest: 0.5, highest: 0.8 });
  expect(difference([40, 8, 30], [50, 10, 60])).toEqual({ median: -20, lowest: -30, highest: -2 });
});

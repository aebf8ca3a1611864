import fc from 'fast-check';
import { askAgainMs, askPayerAgainMs, deliveryDelayMs } from './retry.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const HALF = 0.5;

function delays(random: (failed: number) => number, retryAfterMs = 0): number[] {
  const all: number[] = [];
  for (let failed = 1; ; failed += 1) {
    const delay = deliveryDelayMs(failed, random(failed), retryAfterMs);
    if (delay === null) return all;
    all.push(delay);
  }
}

const hours = (all: readonly number[]) => all.reduce((sum, delay) => sum + delay, 0) / HOUR;

describe('a delivery', () => {
  test('is tried again after 5 s, 30 s, 2 m, 10 m, 30 m, 1 h, 2 h, 5 h, 10 h, 15 h, 19 h, 19 h', () => {
    const first = [5 * SECOND, 30 * SECOND, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE];
    const then = [1, 2, 5, 10, 15, 19, 19].map((hour) => hour * HOUR);
    expect(delays(() => HALF)).toEqual([...first, ...then]);
  });

  test('is tried for 72 hours, at most a fifth more or less', () => {
    expect(Math.round(hours(delays(() => HALF)))).toBe(72);
    fc.assert(
      fc.property(
        fc.infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })),
        (randoms) => {
          const sum = hours(delays(() => randoms.next().value!));
          expect(sum).toBeGreaterThanOrEqual(72 * 0.79);
          expect(sum).toBeLessThanOrEqual(72 * 1.2);
        },
      ),
    );
  });

  test('waits longer each time, with the same luck', () => {
    for (const random of [0, 0.3, 0.999]) {
      const all = delays(() => random);
      expect(all).toEqual(all.toSorted((a, b) => a - b));
    }
  });

  test('has no next try after the last one', () => {
    expect(deliveryDelayMs(12, 0)).toBe(Math.round(19 * HOUR * 0.8));
    expect(deliveryDelayMs(13, 0)).toBeNull();
    expect(deliveryDelayMs(0, 0)).toBeNull();
  });

  test('waits as long as its receiver asks, but an hour at most, and never less than planned', () => {
    expect(deliveryDelayMs(1, HALF, 20 * SECOND)).toBe(20 * SECOND);
    expect(deliveryDelayMs(1, HALF, 24 * HOUR)).toBe(HOUR);
    expect(deliveryDelayMs(1, HALF, 1)).toBe(5 * SECOND);
    expect(deliveryDelayMs(8, HALF, 24 * HOUR)).toBe(5 * HOUR);
    expect(deliveryDelayMs(13, HALF, HOUR)).toBeNull();
  });
});

describe('the bank', () => {
  test('is asked again about an unknown outcome from 1 s growing to 1 min, after a day hourly', () => {
    expect([1, 2, 3].map((attempt) => askAgainMs(attempt, 0))).toEqual([1_000, 1_500, 2_250]);
    expect(askAgainMs(12, 0)).toBe(MINUTE);
    expect(askAgainMs(100_000, 24 * HOUR)).toBe(MINUTE);
    expect(askAgainMs(100_000, 24 * HOUR + 1)).toBe(HOUR);
  });

  test('is asked again about a payer from 3 s growing to 30 s', () => {
    expect(askPayerAgainMs(1)).toBe(3 * SECOND);
    expect(askPayerAgainMs(2)).toBe(3.9 * SECOND);
    expect(askPayerAgainMs(100_000)).toBe(30 * SECOND);
  });

  test('is asked less often each time, never at once and never not at all', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000 }), fc.nat({ max: 24 * HOUR }), (attempt, elapsed) => {
        for (const ask of [askPayerAgainMs, (n: number) => askAgainMs(n, elapsed)]) {
          expect(ask(attempt)).toBeGreaterThanOrEqual(SECOND);
          expect(ask(attempt + 1)).toBeGreaterThanOrEqual(ask(attempt));
        }
      }),
    );
  });
});

import type { EngineCost } from './engine-cost.ts';

/** One of the things that are measured beside each other. */
export interface Contender {
  readonly name: string;
  create(): Promise<string>;
  /** Rejects unless the order is captured afterwards. */
  pay(order: string): Promise<void>;
  /**
   * Waits until nothing of it is under way: it would run in the turn of the next one. At most so many
   * orders were paid at once.
   */
  settled(atOnce: number): Promise<void>;
  cost(order: string): Promise<EngineCost>;
}

export interface Measured {
  readonly ordersPerSecond: number;
  readonly payP50: number;
  readonly payP99: number;
  readonly errors: readonly string[];
}

export interface Load {
  readonly orders: number;
  readonly concurrency: number;
}

/** The median of all rounds, the lowest and the highest of them. */
export interface Spread {
  readonly median: number;
  readonly lowest: number;
  readonly highest: number;
}

/** Creates and pays orders, so many at a time; milliseconds. */
export async function measure(contender: Contender, { orders, concurrency }: Load): Promise<Measured> {
  const latencies: number[] = [];
  const errors: string[] = [];
  let next = 0;
  const began = performance.now();
  const payer = async () => {
    while (next < orders) {
      next += 1;
      try {
        const order = await contender.create();
        const asked = performance.now();
        await contender.pay(order);
        latencies.push(performance.now() - asked);
      } catch (error) {
        errors.push(`${contender.name}: ${(error as Error).message}`);
      }
    }
  };
  await Promise.all(Array.from({ length: concurrency }, payer));
  const seconds = (performance.now() - began) / 1_000;
  return {
    ordersPerSecond: latencies.length / seconds,
    payP50: quantile(latencies, 0.5),
    payP99: quantile(latencies, 0.99),
    errors,
  };
}

export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? NaN) + (sorted[Math.floor(middle)] ?? NaN)) / 2;
}

export function spread(values: readonly number[]): Spread {
  return { median: median(values), lowest: Math.min(...values), highest: Math.max(...values) };
}

/**
 * Ours over theirs: the ratio of the medians, with the lowest and highest of the ratios round by
 * round. Within a round both had the same minute of the machine, over all rounds not.
 */
export function ratio(ours: readonly number[], theirs: readonly number[]): Spread {
  const byRound = ours.map((value, round) => value / (theirs[round] ?? NaN));
  return { ...spread(byRound), median: median(ours) / median(theirs) };
}

/** Ours beyond theirs, in the same way. */
export function difference(ours: readonly number[], theirs: readonly number[]): Spread {
  const byRound = ours.map((value, round) => value - (theirs[round] ?? NaN));
  return { ...spread(byRound), median: median(ours) - median(theirs) };
}

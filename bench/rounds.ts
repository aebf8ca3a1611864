/** One of the things that are measured beside each other. */
export interface Contender {
  readonly name: string;
  create(): Promise<string>;
  /** Rejects unless the order is captured afterwards. */
  pay(order: string): Promise<void>;
  /** What the engine kept of a paid order. */
  cost(order: string): Promise<{ historyLength: number; transitions: number }>;
}

export interface Measured {
  readonly ordersPerSecond: number;
  readonly payP50: number;
  readonly payP99: number;
  readonly errors: number;
}

export interface Load {
  readonly orders: number;
  readonly concurrency: number;
}

/** Creates and pays orders, so many at a time; milliseconds. */
export async function measure(contender: Contender, { orders, concurrency }: Load): Promise<Measured> {
  const latencies: number[] = [];
  let errors = 0;
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
      } catch {
        errors += 1;
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
  return quantile(values, 0.5);
}

/** How far the middle half of the values lies apart, as a share of the median. */
export function spread(values: readonly number[]): number {
  return (quantile(values, 0.75) - quantile(values, 0.25)) / median(values);
}

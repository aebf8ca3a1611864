import { setTimeout as sleep } from 'node:timers/promises';
import { startFloors } from './floor.ts';
import { connectPayFlow, type PayFlow } from './payflow.ts';
import { measure, median, spread, type Contender, type Load, type Measured } from './rounds.ts';
import { startStack } from './stack.ts';

export interface EngineOptions extends Load {
  readonly rounds: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly say: (line: string) => void;
}

export interface EngineReport {
  /** Where the figures come from. */
  readonly temporal: string;
  readonly contenders: Record<string, Summary>;
  /** Medians over the rounds of PayFlow's orders per second over another's, with their spread. */
  readonly ratios: Record<string, { readonly median: number; readonly spread: number }>;
  /** Milliseconds of a pay, one at a time, that PayFlow takes beyond the bare workflow. */
  readonly aloneBeyondBareMs: number;
  readonly errors: number;
  readonly webhooks: { readonly expected: number; readonly arrived: number };
}

interface Summary {
  readonly ordersPerSecond: number;
  readonly payP50: number;
  readonly payP99: number;
  readonly aloneP50: number;
  readonly historyLength: number;
  readonly transitions: number;
}

const WARM_UP_ORDERS = 40;
const ALONE_ORDERS = 60;
const WEBHOOKS_PER_ORDER = 2;
const WEBHOOKS_MS_MAX = 30_000;

/** PayFlow beside a bare workflow of its shape and the usual shape, in turns: A B C A B C … */
export async function benchEngine(options: EngineOptions): Promise<EngineReport> {
  const { say, env } = options;
  say('starting PayFlow');
  const stack = await startStack(env);
  try {
    const payflow = await connectPayFlow(stack.run);
    const floors = await startFloors(stack.run.temporal_address);
    try {
      return await compare([payflow.contender, floors.bare, floors.usual], payflow, options);
    } finally {
      await Promise.all([floors.close(), payflow.close()]);
    }
  } finally {
    await stack.stop();
  }
}

async function compare(
  contenders: readonly Contender[],
  payflow: PayFlow,
  options: EngineOptions,
): Promise<EngineReport> {
  const { say, rounds, env } = options;
  say('warming up');
  for (const contender of contenders) await measure(contender, { orders: WARM_UP_ORDERS, concurrency: 8 });
  const table = new Map<string, Measured[]>(contenders.map(({ name }) => [name, []]));
  for (let round = 1; round <= rounds; round += 1) {
    for (const contender of contenders) {
      const measured = await measure(contender, options);
      table.get(contender.name)?.push(measured);
      const { ordersPerSecond, payP50, errors } = measured;
      say(
        `round ${round}, ${contender.name}: ${ordersPerSecond.toFixed(1)}/s, pay p50 ${payP50.toFixed(0)} ms, errors ${errors}`,
      );
    }
  }
  const summaries = await summarize(contenders, table, say);
  const all = [...table.values()].flat();
  const expected = WEBHOOKS_PER_ORDER * (WARM_UP_ORDERS + ALONE_ORDERS + 1 + rounds * options.orders);
  return {
    temporal: env['TEMPORAL_ADDRESS'] ?? 'local server (SQLite, one connection)',
    contenders: summaries,
    ratios: {
      bare: ratio(table, 'bare'),
      usual: ratio(table, 'usual'),
    },
    aloneBeyondBareMs: (summaries['PayFlow']?.aloneP50 ?? NaN) - (summaries['bare']?.aloneP50 ?? NaN),
    errors: all.reduce((sum, { errors }) => sum + errors, 0),
    webhooks: { expected, arrived: await arrived(payflow, expected) },
  };
}

async function summarize(
  contenders: readonly Contender[],
  table: ReadonlyMap<string, Measured[]>,
  say: EngineOptions['say'],
): Promise<Record<string, Summary>> {
  const summaries: Record<string, Summary> = {};
  for (const contender of contenders) {
    say(`${contender.name}, one at a time`);
    const alone = await measure(contender, { orders: ALONE_ORDERS, concurrency: 1 });
    const order = await contender.create();
    await contender.pay(order);
    // The run closes just after its last answer.
    await sleep(500);
    const measured = table.get(contender.name) ?? [];
    summaries[contender.name] = {
      ordersPerSecond: median(measured.map(({ ordersPerSecond }) => ordersPerSecond)),
      payP50: median(measured.map(({ payP50 }) => payP50)),
      payP99: median(measured.map(({ payP99 }) => payP99)),
      aloneP50: alone.payP50,
      ...(await contender.cost(order)),
    };
  }
  return summaries;
}

/** Round by round, so that a slow minute of the machine slows both. */
function ratio(table: ReadonlyMap<string, Measured[]>, other: string) {
  const ours = table.get('PayFlow') ?? [];
  const theirs = table.get(other) ?? [];
  const ratios = ours.map(
    ({ ordersPerSecond }, round) => ordersPerSecond / (theirs[round]?.ordersPerSecond ?? NaN),
  );
  return { median: median(ratios), spread: spread(ratios) };
}

async function arrived(payflow: PayFlow, expected: number): Promise<number> {
  for (const giveUpAt = Date.now() + WEBHOOKS_MS_MAX; payflow.webhooks() < expected; await sleep(200)) {
    if (Date.now() > giveUpAt) break;
  }
  return payflow.webhooks();
}

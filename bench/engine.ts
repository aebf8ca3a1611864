import { cpuSoFar, perOrder, type CpuMs, type Watched } from './cpu.ts';
import type { EngineCost } from './engine-cost.ts';
import type { Choice } from './engine-choice.ts';
import {
  difference,
  measure,
  ratio,
  spread,
  type Contender,
  type Load,
  type Measured,
  type Spread,
} from './rounds.ts';
import { setUp, type ServerFacts, type Setup, type SetupOptions } from './setup.ts';

export interface BenchOptions extends Omit<SetupOptions, 'engine'> {
  readonly choice: Choice;
  readonly load: Load;
  readonly rounds: number;
}

export interface EngineReport {
  readonly choice: Choice;
  readonly server: ServerFacts;
  readonly load: Load & { readonly rounds: number };
  readonly contenders: Readonly<Record<string, Summary>>;
  /** PayFlow's orders per second over another's. */
  readonly ratios: { readonly bare: Spread; readonly usual: Spread };
  /** Milliseconds of a pay, one at a time, that PayFlow takes beyond the bare workflow. */
  readonly aloneBeyondBareMs: Spread;
  readonly errors: readonly string[];
  readonly webhooks: { readonly expected: number; readonly arrived: number };
  /** All turns, by contender, one a round. */
  readonly turns: Readonly<Record<string, readonly Turn[]>>;
}

/** Of all rounds of one contender. */
export interface Summary extends EngineCost {
  readonly ordersPerSecond: Spread;
  readonly payP50: Spread;
  readonly payP99: Spread;
  readonly aloneP50: Spread;
  /** From the last captured order to the last thing that had still to be done for one, a webhook for example. */
  readonly settledMs: Spread;
  /** Medians by process; null where the system does not tell. */
  readonly cpuMsPerOrder: CpuMs | null;
}

export interface Turn extends Measured {
  readonly aloneP50: number;
  readonly settledMs: number;
  readonly cpuMsPerOrder: CpuMs | null;
}

/** Enough for the compilers in all processes to have done their work. */
const WARM_UP: Load = { orders: 400, concurrency: 16 };
/** One at a time, in each turn. */
const ALONE: Load = { orders: 20, concurrency: 1 };

/** PayFlow beside a bare workflow of its shape and the usual shape, in turns: A B C A B C … */
export async function benchEngine(options: BenchOptions): Promise<EngineReport> {
  const { choice, steps, load, rounds } = options;
  const setup = await setUp({ ...options, engine: choice.engine });
  const { contenders, payflow, watched, server } = setup;
  const warmUp = await steps.step('Warming up', () => warmUpAll(contenders));
  const turns: Record<string, Turn[]> = Object.fromEntries(contenders.map(({ name }) => [name, []]));
  for (let round = 1; round <= rounds; round += 1) {
    for (const contender of contenders) {
      const turn = await steps.step(`Round ${round} of ${rounds}, ${contender.name}`, async (note) => {
        const result = await takeTurn(contender, { load, watched });
        note(`${result.ordersPerSecond.toFixed(1)} orders/s, pay p50 ${result.payP50.toFixed(0)} ms`);
        return result;
      });
      turns[contender.name]!.push(turn);
    }
  }
  return {
    choice,
    server,
    load: { ...load, rounds },
    ...compare(turns),
    contenders: await summarize(setup, turns),
    errors: [...warmUp, ...Object.values(turns).flatMap((all) => all.flatMap(({ errors }) => errors))],
    webhooks: payflow.webhooks(),
    turns,
  };
}

async function warmUpAll(contenders: readonly Contender[]): Promise<string[]> {
  const errors: string[] = [];
  for (const contender of contenders) {
    errors.push(...(await measure(contender, WARM_UP)).errors);
    await contender.settled(WARM_UP.concurrency);
  }
  return errors;
}

async function takeTurn(
  contender: Contender,
  { load, watched }: { load: Load; watched: readonly Watched[] },
): Promise<Turn> {
  const before = cpuSoFar(watched);
  const loaded = await measure(contender, load);
  const answered = performance.now();
  await contender.settled(load.concurrency);
  const settledMs = performance.now() - answered;
  const cpuMsPerOrder = perOrder(before, cpuSoFar(watched), load.orders);
  const alone = await measure(contender, ALONE);
  await contender.settled(ALONE.concurrency);
  return {
    ...loaded,
    aloneP50: alone.payP50,
    errors: [...loaded.errors, ...alone.errors],
    settledMs,
    cpuMsPerOrder,
  };
}

function compare(
  turns: Readonly<Record<string, readonly Turn[]>>,
): Pick<EngineReport, 'ratios' | 'aloneBeyondBareMs'> {
  const figures = (name: string, of: (turn: Turn) => number) => (turns[name] ?? []).map(of);
  const speed = (name: string) => figures(name, ({ ordersPerSecond }) => ordersPerSecond);
  const alone = (name: string) => figures(name, ({ aloneP50 }) => aloneP50);
  return {
    ratios: {
      bare: ratio(speed('PayFlow'), speed('bare')),
      usual: ratio(speed('PayFlow'), speed('usual')),
    },
    aloneBeyondBareMs: difference(alone('PayFlow'), alone('bare')),
  };
}

async function summarize(
  { contenders }: Setup,
  turns: Readonly<Record<string, readonly Turn[]>>,
): Promise<Record<string, Summary>> {
  const summaries: Record<string, Summary> = {};
  for (const contender of contenders) {
    const all = turns[contender.name] ?? [];
    const order = await contender.create();
    await contender.pay(order);
    await contender.settled(1);
    summaries[contender.name] = {
      ordersPerSecond: spread(all.map(({ ordersPerSecond }) => ordersPerSecond)),
      payP50: spread(all.map(({ payP50 }) => payP50)),
      payP99: spread(all.map(({ payP99 }) => payP99)),
      aloneP50: spread(all.map(({ aloneP50 }) => aloneP50)),
      settledMs: spread(all.map(({ settledMs }) => settledMs)),
      cpuMsPerOrder: medianCpu(all.map(({ cpuMsPerOrder }) => cpuMsPerOrder)),
      ...(await contender.cost(order)),
    };
  }
  return summaries;
}

function medianCpu(all: readonly (CpuMs | null)[]): CpuMs | null {
  const told = all.filter((cpu) => cpu !== null);
  if (told.length === 0) return null;
  return Object.fromEntries(
    Object.keys(told[0]!).map((name) => [name, spread(told.map((cpu) => cpu[name] ?? NaN)).median]),
  );
}

import { setTimeout as sleep } from 'node:timers/promises';
import type { Ending } from '../bench/ending.ts';
import { startStack, temporaryFolder, type Environment } from '../bench/stack.ts';
import type { RunFile } from '../src/local/run-file.ts';
import { openBooks, type Books, type Standing } from './books.ts';
import { startController, type Controller } from './controller.ts';
import { connectMerchant, type Merchant } from './merchant.ts';
import { NOTHING_BEFORE, PATHS } from './paths.ts';

/** A PayFlow that tells the controller of every step, with a merchant of its own. */
export interface World {
  readonly controller: Controller;
  readonly merchant: Merchant;
  readonly books: Books;
  run(): RunFile;
}

export interface WorldOptions {
  /** `dist`, or another build. */
  readonly build: string;
  readonly env: Environment;
  readonly ending: Ending;
}

const SETTLE_MS_MAX = 90_000;
const POLL_MS = 200;
const QUICK_MS = 1_500;
const HEALTHY_MS_MAX = 90_000;

export async function startWorld({ build, env: given, ending }: WorldOptions): Promise<World> {
  const folder = temporaryFolder(ending);
  const controller = await startController();
  ending.add(controller.close);
  const env = { ...given, PAYFLOW_CHAOS_URL: controller.url, PAYFLOW_LOG_LEVEL: 'warn' };
  const { run } = await startStack({ build, env, folder, ending });
  const merchant = await connectMerchant(run());
  ending.add(merchant.close);
  return { controller, merchant, books: openBooks(run()), run };
}

/** Until every order has come to its end, or until then (epoch ms); as they stand. */
export async function settled(
  books: Books,
  isAtEnd: ReadonlyMap<string, (standing: Standing) => boolean>,
  giveUpAt = Date.now() + SETTLE_MS_MAX,
): Promise<ReadonlyMap<string, Standing>> {
  for (; ; await sleep(POLL_MS)) {
    const late = Date.now() > giveUpAt;
    try {
      const standings = await books.read([...isAtEnd.keys()]);
      const open = [...standings].filter(([ref, standing]) => isAtEnd.get(ref)?.(standing) === false);
      if (open.length === 0 || late) return standings;
    } catch (error) {
      // Postgres or the bank has just been killed.
      if (late) throw error;
    }
  }
}

/** Until an order is paid as quickly as ever: every process is there again and at work. */
export async function healthy({ merchant }: World): Promise<void> {
  const [paid] = PATHS;
  for (const giveUpAt = Date.now() + HEALTHY_MS_MAX; ; await sleep(POLL_MS)) {
    const walk = await merchant.newWalk({});
    const asked = performance.now();
    await paid!.run(walk, NOTHING_BEFORE);
    const [told] = walk.told;
    if (performance.now() - asked < QUICK_MS && told?.answer.body['status'] === 'captured') return;
    if (Date.now() > giveUpAt) throw new Error('PayFlow does not recover');
  }
}

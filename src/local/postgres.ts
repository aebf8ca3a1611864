import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { type Account, type Started, startChild } from './child.ts';
import { logSize } from './logs.ts';
import type { PostgresBinaries } from './postgres-binaries.ts';
import { processesIn } from './process-table.ts';
import { until } from './until.ts';

export interface PostgresOptions {
  readonly binaries: PostgresBinaries;
  readonly account: Account | undefined;
  /** The data folder itself; its parent must be reachable by the account. */
  readonly data: string;
  readonly port: number;
  readonly password: string;
  readonly logFile: string;
  /** Further server settings, `name=value`. */
  readonly settings?: readonly string[];
}

type PostgresFolder = Omit<PostgresOptions, 'port'>;

const USER = 'payflow';
const INITDB_MS_MAX = 60_000;
// A server that was killed replays its log before it answers.
const START_MS_MAX = 120_000;
const LEAVE_MS_MAX = 5_000;
const POLL_MS = 20;
const CANNOT_CONNECT_NOW = '57P03';
const SERVER_ENV = { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };

/** Makes the private cluster, once. */
export async function initPostgres(options: PostgresFolder): Promise<void> {
  const { data, account, binaries } = options;
  if (existsSync(join(data, 'PG_VERSION'))) return;
  // What an interrupted initdb left is worth nothing: PG_VERSION is among the last files it writes.
  rmSync(data, { recursive: true, force: true });
  mkdirSync(data, { recursive: true });
  chmodSync(data, 0o700);
  if (account) chownSync(data, account.uid, account.gid);
  // A file and not stdin: Node's pipes are sockets, which initdb cannot open by name.
  const passwordFile = `${data}.${randomBytes(4).toString('hex')}.pw`;
  writeFileSync(passwordFile, `${options.password}\n`, { mode: 0o600, flag: 'wx' });
  if (account) chownSync(passwordFile, account.uid, account.gid);
  const args = ['-D', data, '-U', USER, '-A', 'scram-sha-256', `--pwfile=${passwordFile}`];
  // No other locale is certain to be installed.
  args.push('-E', 'UTF8', '--locale=C', '--data-checksums', '--no-sync');
  try {
    await runInitdb(join(binaries.folder, 'initdb'), args, options);
  } finally {
    rmSync(passwordFile, { force: true });
  }
}

/**
 * A server killed with -9 leaves `postmaster.pid`, and the next one refuses to start while anything
 * has that number: a zombie that nobody collects (a container without init), or another program.
 * The file is removed only once no process works in the data folder any more.
 */
export async function removeStaleLock(data: string): Promise<void> {
  const file = join(data, 'postmaster.pid');
  if (!existsSync(file)) return;
  const pid = Number(readFileSync(file, 'utf8').split('\n')[0]);
  if (processesIn(data)?.includes(pid) !== false) return;
  // Its children notice on their own that it is gone, and leave.
  for (const giveUpAt = Date.now() + LEAVE_MS_MAX; processesIn(data)?.length; await sleep(POLL_MS)) {
    if (Date.now() > giveUpAt) return;
  }
  rmSync(file, { force: true });
}

/** Starts the server as a direct child; ready with its first answer. Stops by SIGINT. */
export function startPostgres(options: PostgresOptions): Started {
  const { binaries, data, port, account, logFile } = options;
  // No Unix socket: its path may hold 107 bytes only, and a checkout can lie deeper than that.
  const settings = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', ...(options.settings ?? [])];
  const logFrom = logSize(logFile);
  const child = startChild({
    command: join(binaries.folder, 'postgres'),
    args: ['-D', data, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])],
    env: SERVER_ENV,
    cwd: data,
    account,
    logFile,
    // "Fast": SIGTERM would wait for every client to leave.
    stopSignal: 'SIGINT',
  });
  const url = postgresUrl(options, 'postgres');
  const ready = until(() => letsUsIn(url), {
    name: 'Postgres',
    child,
    logFile,
    logFrom,
    timeoutMs: START_MS_MAX,
  });
  return { child, ready };
}

/** The address of one of the cluster's databases, as its superuser. */
export function postgresUrl(
  { port, password }: { port: number; password: string },
  database: string,
): string {
  return `postgres://${USER}:${encodeURIComponent(password)}@127.0.0.1:${port}/${database}`;
}

/** The major version that an existing data folder belongs to. */
export function majorOfData(data: string): number | undefined {
  const file = join(data, 'PG_VERSION');
  return existsSync(file) ? Number(readFileSync(file, 'utf8').trim()) : undefined;
}

function runInitdb(program: string, args: readonly string[], options: PostgresFolder) {
  const { account, data } = options;
  const child = spawn(program, args, {
    cwd: data,
    env: SERVER_ENV,
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: INITDB_MS_MAX,
    ...(account ? { uid: account.uid, gid: account.gid } : {}),
  });
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text));
  return new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`initdb ended with code ${code}: ${complaint.trim()}`));
    });
  });
}

/** False while it is on its way up; any other fault is thrown. */
async function letsUsIn(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  try {
    await client.connect();
    return true;
  } catch (error) {
    const { code = '', message } = error as Error & { code?: string };
    if (['ECONNREFUSED', 'ECONNRESET', CANNOT_CONNECT_NOW].includes(code)) return false;
    throw new Error(`Postgres does not let us in: ${message}`, { cause: error });
  } finally {
    await client.end().catch(() => {});
  }
}

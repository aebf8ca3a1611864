import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { migrate } from '../db/migrate.ts';
import { serverAccount } from '../local/account.ts';
import type { Child, Started } from '../local/child.ts';
import { findPostgres } from '../local/postgres-binaries.ts';
import { initPostgres, postgresUrl, removeStaleLock, startPostgres } from '../local/postgres.ts';
import { startTemporal } from '../local/temporal.ts';
import { onSomePort } from './services.ts';
import { required } from './temporal.ts';

/** Servers of one test alone, which can be taken away while its processes work with them. */

export interface OwnServer {
  /** Gone at once, without a word to anybody. */
  kill(): Promise<void>;
  /** Back at the same address, with all that it had; resolves with its first answer. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export interface OwnPostgres extends OwnServer {
  /** Of its one database, migrated. */
  readonly databaseUrl: string;
}

export interface OwnTemporal extends OwnServer {
  readonly address: string;
  readonly namespace: string;
}

const STOP_MS = 8_000;
const DATABASE = 'payflow';
/** What was committed has to survive a kill, so commits are left as they are; a power cut is not tried. */
const POSTGRES_SETTINGS = ['fsync=off', 'full_page_writes=off'];

export async function startOwnPostgres(): Promise<OwnPostgres> {
  const folder = ownFolder('postgres-');
  const account = serverAccount();
  const binaries = findPostgres({ path: process.env['PATH'], account, copyTo: folder });
  const cluster = {
    binaries,
    account,
    data: join(folder, 'data'),
    password: randomBytes(16).toString('hex'),
    logFile: join(folder, 'postgres.log'),
    settings: POSTGRES_SETTINGS,
  };
  await initPostgres(cluster);
  const { port, server } = await ownServer((free) => startPostgres({ ...cluster, port: free }), {
    // A server that was killed leaves its lock.
    beforeRestart: () => removeStaleLock(cluster.data),
  });
  const at = { port, password: cluster.password };
  await createDatabase(postgresUrl(at, 'postgres'));
  const databaseUrl = postgresUrl(at, DATABASE);
  await migrate(databaseUrl);
  return { ...server, databaseUrl };
}

export async function startOwnTemporal(): Promise<OwnTemporal> {
  const folder = ownFolder('temporal-');
  const program = required('PAYFLOW_TEST_TEMPORAL_PROGRAM');
  const database = join(folder, 'data', 'temporal.db');
  const logFile = join(folder, 'temporal.log');
  const { port, server } = await ownServer((free) =>
    startTemporal({ program, port: free, uiPort: 0, database, logFile }),
  );
  return { ...server, address: `127.0.0.1:${port}`, namespace: 'default' };
}

/** The run's folder goes with the run, and so does this. */
function ownFolder(prefix: string): string {
  const folder = mkdtempSync(join(required('PAYFLOW_TEST_FOLDER'), prefix));
  // Postgres does not run as root: its account must get through.
  chmodSync(folder, 0o755);
  return folder;
}

async function createDatabase(adminUrl: string): Promise<void> {
  const admin = new pg.Client({ connectionString: adminUrl });
  await admin.connect();
  await admin.query(`create database ${DATABASE}`);
  await admin.end();
}

async function ownServer(
  start: (port: number) => Started,
  { beforeRestart = () => Promise.resolve() }: { beforeRestart?: () => Promise<void> } = {},
): Promise<{ port: number; server: OwnServer }> {
  const children: Child[] = [];
  const port = await onSomePort(children, start);
  const newest = () => children.at(-1)!;
  const server: OwnServer = {
    async kill() {
      newest().kill('SIGKILL');
      await newest().exited;
    },
    async restart() {
      await beforeRestart();
      const { child, ready } = start(port);
      children.push(child);
      await ready;
    },
    stop: async () => void (await newest().stop(STOP_MS)),
  };
  return { port, server };
}

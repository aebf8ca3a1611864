import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { migrate } from '../db/migrate.ts';
import { serverAccount } from '../local/account.ts';
import { type Child, signalProcess, type Started } from '../local/child.ts';
import { freePort } from '../local/ports.ts';
import { findPostgres } from '../local/postgres-binaries.ts';
import { initPostgres, postgresUrl, startPostgres } from '../local/postgres.ts';
import { startTemporal } from '../local/temporal.ts';
import { findTemporal } from '../local/temporal-program.ts';
import { TEMPLATE_DATABASE } from './database.ts';

export interface Services {
  readonly folder: string;
  readonly postgresUrl: string;
  readonly temporalAddress: string;
  readonly temporalProgram: string;
  /** Ends exactly what was started and removes the folder. */
  stop(): Promise<void>;
}

export interface ServiceOptions {
  /** Where a downloaded Temporal is kept from run to run. */
  readonly home: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

const FOLDER_PREFIX = 'payflow-test-';
const FOLDER = /^payflow-test-(\d+)-/;
const STOP_MS = 8_000;
const START_TRIES_MAX = 3;
// Nothing here has to survive a power cut.
const POSTGRES_SETTINGS = [
  'fsync=off',
  'synchronous_commit=off',
  'full_page_writes=off',
  'max_connections=200',
];

/** A private Postgres with a migrated template database, and a private Temporal. */
export async function startServices(options: ServiceOptions): Promise<Services> {
  removeFoldersOfDeadRuns();
  // The run's pid is in the name, so that a later run can tell what was left by one that is gone.
  const folder = mkdtempSync(join(tmpdir(), `${FOLDER_PREFIX}${process.pid}-`));
  chmodSync(folder, 0o755);
  const children: Child[] = [];
  const forget = cleanUpWhenInterrupted(folder, children);
  const stop = async () => {
    await Promise.all(children.map((child) => child.stop(STOP_MS)));
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
    forget();
  };
  try {
    const [postgresUrl, engine] = await Promise.all([
      postgres(folder, options, children),
      temporal(folder, options, children),
    ]);
    return { folder, postgresUrl, temporalAddress: engine.address, temporalProgram: engine.program, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function postgres(folder: string, { env }: ServiceOptions, children: Child[]) {
  const account = serverAccount();
  const binaries = findPostgres({ path: env['PATH'], account, copyTo: folder });
  const password = randomBytes(16).toString('hex');
  const common = { binaries, account, password, data: join(folder, 'postgres') };
  const logFile = join(folder, 'postgres.log');
  await initPostgres({ ...common, logFile });
  const port = await onSomePort(children, (free) =>
    startPostgres({ ...common, logFile, port: free, settings: POSTGRES_SETTINGS }),
  );
  const url = postgresUrl({ port, password }, 'postgres');
  await makeTemplate(url, postgresUrl({ port, password }, TEMPLATE_DATABASE));
  return url;
}

async function makeTemplate(adminUrl: string, templateUrl: string) {
  const admin = new pg.Client({ connectionString: adminUrl });
  await admin.connect();
  await admin.query(`create database ${TEMPLATE_DATABASE}`);
  // It ends with no connection open: a database that has one cannot be cloned.
  await migrate(templateUrl);
  await admin.query(`alter database ${TEMPLATE_DATABASE} is_template true allow_connections false`);
  await admin.end();
}

async function temporal(folder: string, { home, env }: ServiceOptions, children: Child[]) {
  const { program } = await findTemporal({ home, env });
  const logFile = join(folder, 'temporal.log');
  const database = join(folder, 'temporal', 'temporal.db');
  const port = await onSomePort(children, (free) =>
    startTemporal({ program, port: free, uiPort: 0, database, logFile }),
  );
  return { address: `127.0.0.1:${port}`, program };
}

/** Another run can take a free port between our look and the server's start. */
export async function onSomePort(children: Child[], start: (port: number) => Started): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    const { child, ready } = start(port);
    children.push(child);
    try {
      await ready;
      return port;
    } catch (error) {
      await child.stop(STOP_MS);
      if (attempt === START_TRIES_MAX) throw error;
    }
  }
}

/** Ctrl-C ends Jest without its teardown. */
function cleanUpWhenInterrupted(folder: string, children: readonly Child[]): () => void {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const onSignal = () => {
    // Both data folders go with them: nothing needs an orderly end.
    for (const child of children) child.kill('SIGQUIT');
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
    process.exit(130);
  };
  for (const signal of signals) process.once(signal, onSignal);
  return () => signals.forEach((signal) => process.removeListener(signal, onSignal));
}

function removeFoldersOfDeadRuns() {
  for (const name of readdirSync(tmpdir())) {
    const pid = Number(FOLDER.exec(name)?.[1]);
    if (!pid || signalProcess(pid, 0)) continue;
    rmSync(join(tmpdir(), name), { recursive: true, force: true });
  }
}

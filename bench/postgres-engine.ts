import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { serverAccount } from '../src/local/account.ts';
import { ensureDatabase } from '../src/local/database-check.ts';
import { freePort } from '../src/local/ports.ts';
import { findPostgres } from '../src/local/postgres-binaries.ts';
import { initPostgres, postgresUrl, startPostgres } from '../src/local/postgres.ts';
import type { Steps } from '../src/local/steps.ts';
import type { Watched } from './cpu.ts';
import type { Ending } from './ending.ts';
import { temporalPrograms, type ProgramSearch } from './temporal-programs.ts';
import { createSchemas, startServer } from './temporal-server.ts';

export interface EngineDeps {
  readonly search: ProgramSearch;
  /** For all data; thrown away by whoever made it. */
  readonly folder: string;
  readonly steps: Steps;
  readonly ending: Ending;
}

export interface PostgresEngine {
  readonly temporalAddress: string;
  /** PayFlow's own database, in the same cluster as Temporal's two. */
  readonly databaseUrl: string;
  readonly postgresMajor: number;
  readonly watched: readonly Watched[];
}

const STOP_MS_MAX = 8_000;
/**
 * All of Temporal's services keep pools, and so do API, worker and bank. Everything else is as Postgres
 * comes: each commit reaches the disk, which is part of what an order costs.
 */
const SETTINGS = ['max_connections=300'];

/** Temporal with Postgres persistence, and PayFlow's database beside it, as in production. */
export async function startPostgresEngine(deps: EngineDeps): Promise<PostgresEngine> {
  const { search, folder, steps, ending } = deps;
  const programs = await temporalPrograms(search, { steps, ending });
  const postgres = await steps.step('Postgres', (note) => privatePostgres(deps, note));
  const options = { programs, cluster: postgres.cluster, folder };
  await steps.step("Temporal's tables", () => createSchemas(options));
  const server = await steps.step('Temporal', async (note) => {
    note('until its services have found each other');
    const { child, ready, address } = await startServer(options);
    ending.add(async () => void (await child.stop(STOP_MS_MAX)));
    await ready;
    return { address, pid: child.pid };
  });
  return {
    temporalAddress: server.address,
    databaseUrl: postgres.databaseUrl,
    postgresMajor: postgres.major,
    watched: [
      { name: 'Temporal', pid: server.pid },
      { name: 'Postgres', pid: postgres.pid, withChildren: true },
    ],
  };
}

async function privatePostgres({ search, folder, ending }: EngineDeps, note: (text: string) => void) {
  const account = serverAccount();
  const binaries = findPostgres({ path: search.env['PATH'], account, copyTo: folder });
  note(`version ${binaries.major} ${binaries.source}`);
  const password = randomBytes(16).toString('hex');
  const data = join(folder, 'postgres');
  const options = { binaries, account, password, data, logFile: join(folder, 'postgres.log') };
  await initPostgres(options);
  const port = await freePort();
  const { child, ready } = startPostgres({ ...options, port, settings: SETTINGS });
  ending.add(async () => void (await child.stop(STOP_MS_MAX)));
  await ready;
  const admin = postgresUrl({ port, password }, 'postgres');
  const databaseUrl = await ensureDatabase(admin, 'Postgres', 'payflow');
  const cluster = { port, password, user: new URL(admin).username };
  return { cluster, databaseUrl, major: binaries.major, pid: child.pid };
}

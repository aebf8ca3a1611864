import type { Client } from '@temporalio/client';
import { loadConfig } from '../src/config.ts';
import type { Steps } from '../src/local/steps.ts';
import { createTemporalClient } from '../src/temporal/client.ts';
import type { Watched } from './cpu.ts';
import type { Ending } from './ending.ts';
import type { Engine } from './engine-choice.ts';
import { startFloors } from './floor.ts';
import { connectPayFlow, type PayFlow } from './payflow.ts';
import { startPostgresEngine, type PostgresEngine } from './postgres-engine.ts';
import type { Contender } from './rounds.ts';
import {
  ownServers,
  pick,
  startStack,
  temporaryFolder,
  watchedOf,
  withoutServers,
  type Environment,
} from './stack.ts';
import type { ProgramSearch } from './temporal-programs.ts';

export interface SetupOptions {
  /** `dist`, or another build. */
  readonly build: string;
  readonly engine: Engine;
  readonly search: ProgramSearch;
  readonly steps: Steps;
  readonly ending: Ending;
}

export interface Setup {
  /** PayFlow first. */
  readonly contenders: readonly Contender[];
  readonly payflow: PayFlow;
  readonly watched: readonly Watched[];
  readonly server: ServerFacts;
}

/** What the server says of itself. */
export interface ServerFacts {
  readonly version: string;
  readonly persistence: string;
}

/** Everything that is measured, running and connected. It is ended by `ending`. */
export async function setUp(options: SetupOptions): Promise<Setup> {
  const { build, engine, search, steps, ending } = options;
  const folder = temporaryFolder(ending);
  const own = engine === 'postgres' ? await startPostgresEngine({ search, folder, steps, ending }) : null;
  const env = await environmentOf(options, own);
  const stack = await steps.step('PayFlow', () => startStack({ build, env, folder, ending }));
  const run = stack.run();
  const floorEnv = {
    ...pick(env, (name) => name.startsWith('TEMPORAL_') || name.startsWith('NODE_')),
    TEMPORAL_ADDRESS: run.temporal_address,
    DATABASE_URL: run.database_url,
  };
  // The same client as the API's.
  const client = createTemporalClient(loadConfig(floorEnv).temporal);
  const floors = await steps.step('The floors', () => startFloors({ client, env: floorEnv, folder, ending }));
  const payflow = await connectPayFlow(run, client);
  return {
    contenders: [payflow.contender, floors.bare, floors.usual],
    payflow,
    watched: [
      ...watchedOf(run),
      ...(own?.watched ?? []),
      floors.watched,
      { name: 'load generator', pid: process.pid },
    ],
    server: await factsOf(client, own),
  };
}

/** Of `payflow up`: only with `given` it meets the servers that somebody's environment names. */
async function environmentOf(
  { engine, search, steps }: SetupOptions,
  own: PostgresEngine | null,
): Promise<Environment> {
  if (engine === 'given') return search.env;
  if (own !== null) {
    const { databaseUrl, temporalAddress } = own;
    return { ...withoutServers(search.env), DATABASE_URL: databaseUrl, TEMPORAL_ADDRESS: temporalAddress };
  }
  return steps.step('Temporal', (note) => ownServers(search, note));
}

async function factsOf({ workflowService }: Client, own: PostgresEngine | null): Promise<ServerFacts> {
  try {
    const { serverVersion, persistenceStore } = await workflowService.getClusterInfo({});
    const postgres = own === null ? '' : ` (Postgres ${own.postgresMajor})`;
    return { version: serverVersion ?? 'unknown', persistence: `${persistenceStore}${postgres}` };
  } catch {
    // Temporal Cloud does not tell.
    const { serverVersion } = await workflowService.getSystemInfo({});
    return { version: serverVersion ?? 'unknown', persistence: 'unknown' };
  }
}

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { defineSearchAttributeKey } from '@temporalio/common';
import { describeExit, startChild, type Started } from '../src/local/child.ts';
import { readFrom } from '../src/local/logs.ts';
import { answersOn, freePort } from '../src/local/ports.ts';
import { addSearchAttributes } from '../src/local/search-attributes.ts';
import { type Awaited, until } from '../src/local/until.ts';
import type { TemporalPrograms } from './temporal-programs.ts';

/** The cluster for Temporal's two databases. */
export interface Cluster {
  readonly port: number;
  readonly user: string;
  readonly password: string;
}

export interface ServerOptions {
  readonly programs: TemporalPrograms;
  readonly cluster: Cluster;
  /** For its log and its settings. */
  readonly folder: string;
}

const PLUGIN = 'postgres12_pgx';
const SCHEMAS = { temporal: 'temporal', temporal_visibility: 'visibility' };
const START_MS_MAX = 120_000;
const POLL_MS = 100;
const RETENTION_SECONDS = 86_400;
const ALREADY_EXISTS = 6;
/** Temporal's default, on one machine; it cannot be changed later. */
const HISTORY_SHARDS = '4';
const PORT_VARIABLES = [
  'FRONTEND_GRPC_PORT',
  'FRONTEND_HTTP_PORT',
  'FRONTEND_MEMBERSHIP_PORT',
  'HISTORY_GRPC_PORT',
  'HISTORY_MEMBERSHIP_PORT',
  'MATCHING_GRPC_PORT',
  'MATCHING_MEMBERSHIP_PORT',
  'WORKER_GRPC_PORT',
  'WORKER_MEMBERSHIP_PORT',
] as const;

const everywhere = (value: unknown) => [{ value, constraints: {} }];
const UNLIMITED = everywhere(100_000);

/**
 * The default limits are those of one node among many; here they would be what is measured. One
 * partition for each task queue: the default of four spreads a queue over nodes, and on one node
 * only lets tasks and pollers miss each other and be passed on between partitions.
 */
const DYNAMIC_CONFIG = {
  'frontend.rps': UNLIMITED,
  'frontend.namespaceRPS': UNLIMITED,
  'frontend.namespaceCount': UNLIMITED,
  'frontend.persistenceMaxQPS': UNLIMITED,
  'history.rps': UNLIMITED,
  'history.persistenceMaxQPS': UNLIMITED,
  'matching.rps': UNLIMITED,
  'matching.persistenceMaxQPS': UNLIMITED,
  'matching.numTaskqueueReadPartitions': everywhere(1),
  'matching.numTaskqueueWritePartitions': everywhere(1),
};

/** Makes the tables of Temporal's databases; the databases too. */
export async function createSchemas(options: ServerOptions): Promise<void> {
  for (const [database, schema] of Object.entries(SCHEMAS)) {
    await sql(options, database, ['create']);
    await sql(options, database, ['setup-schema', '-v', '0.0']);
    await sql(options, database, ['update-schema', '--schema-name', `postgresql/v12/${schema}`]);
  }
}

/** All of Temporal's services in one process, on ports of their own. */
export async function startServer(options: ServerOptions): Promise<Started & { readonly address: string }> {
  const { programs, cluster, folder } = options;
  const ports = await choosePorts();
  const logFile = join(folder, 'temporal.log');
  const dynamicConfig = join(folder, 'temporal-dynamic-config.yaml');
  // JSON is YAML.
  writeFileSync(dynamicConfig, JSON.stringify(DYNAMIC_CONFIG));
  const child = startChild({
    command: programs.server,
    args: ['--allow-no-auth', 'start'],
    env: {
      ...Object.fromEntries(Object.entries(ports).map(([name, port]) => [name, String(port)])),
      DB: PLUGIN,
      POSTGRES_SEEDS: '127.0.0.1',
      DB_PORT: String(cluster.port),
      POSTGRES_USER: cluster.user,
      POSTGRES_PWD: cluster.password,
      DBNAME: 'temporal',
      VISIBILITY_DBNAME: 'temporal_visibility',
      NUM_HISTORY_SHARDS: HISTORY_SHARDS,
      BIND_ON_IP: '127.0.0.1',
      DYNAMIC_CONFIG_FILE_PATH: dynamicConfig,
      LOG_LEVEL: 'error',
    },
    cwd: folder,
    logFile,
    stopSignal: 'SIGTERM',
  });
  const port = ports.FRONTEND_GRPC_PORT;
  const awaited = { name: 'Temporal', child, logFile, logFrom: 0, timeoutMs: START_MS_MAX };
  return { child, address: `127.0.0.1:${port}`, ready: becomeReady(port, awaited) };
}

async function choosePorts(): Promise<Record<(typeof PORT_VARIABLES)[number], number>> {
  const taken = new Set<number>();
  const ports: Partial<Record<(typeof PORT_VARIABLES)[number], number>> = {};
  for (const name of PORT_VARIABLES) {
    const port = await freePort(taken);
    taken.add(port);
    ports[name] = port;
  }
  return ports as Required<typeof ports>;
}

async function becomeReady(port: number, awaited: Awaited): Promise<void> {
  // Connecting in a loop would wait out gRPC's own back-off: the port is asked instead.
  await until(() => answersOn(port), awaited);
  const connection = await Connection.connect({ address: `127.0.0.1:${port}` });
  try {
    await accepted(awaited, () => registerNamespace(connection));
    await accepted(awaited, () => addSearchAttributes(connection, 'default'));
    await accepted(awaited, () => probe(new Client({ connection })));
  } finally {
    await connection.close();
  }
}

/** Its services learn of each other, of a namespace and of its search attributes by and by; until then they refuse. */
async function accepted(awaited: Awaited, call: () => Promise<unknown>): Promise<void> {
  let refusal: unknown;
  const check = async () => {
    try {
      await call();
      return true;
    } catch (error) {
      refusal = error;
      await sleep(POLL_MS);
      return false;
    }
  };
  await until(check, awaited).catch((error: Error) => {
    throw new Error(error.message, { cause: refusal });
  });
}

async function registerNamespace(connection: Connection): Promise<void> {
  try {
    await connection.workflowService.registerNamespace({
      namespace: 'default',
      // A number is taken for protobuf's 64-bit type; its declaration says Long.
      workflowExecutionRetentionPeriod: { seconds: RETENTION_SECONDS as never },
    });
  } catch (error) {
    // Of an earlier try whose answer was lost.
    if ((error as { code?: number }).code !== ALREADY_EXISTS) throw error;
  }
}

/** Usable is a server that starts a run with our search attributes. */
async function probe(client: Client): Promise<void> {
  const handle = await client.workflow.start('probe', {
    workflowId: 'probe',
    taskQueue: 'probe',
    typedSearchAttributes: [{ key: defineSearchAttributeKey('MerchantId', 'KEYWORD'), value: 'probe' }],
    workflowIdConflictPolicy: 'USE_EXISTING',
  });
  await handle.terminate();
}

async function sql({ programs, cluster, folder }: ServerOptions, database: string, args: readonly string[]) {
  const logFile = join(folder, 'temporal-sql.log');
  const child = startChild({
    command: programs.sql,
    args,
    env: {
      SQL_PLUGIN: PLUGIN,
      SQL_HOST: '127.0.0.1',
      SQL_PORT: String(cluster.port),
      SQL_USER: cluster.user,
      SQL_PASSWORD: cluster.password,
      SQL_DATABASE: database,
    },
    cwd: folder,
    logFile,
    stopSignal: 'SIGTERM',
  });
  const exit = await child.exited;
  if (exit.code === 0) return;
  throw new Error(`sql ${args[0]} ${database} ${describeExit(exit)}:\n${readFrom(logFile, 0).trim()}`);
}

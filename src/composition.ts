import { NativeConnection, Worker, type WorkerOptions } from '@temporalio/worker';
import type { Client } from '@temporalio/client';
import type Koa from 'koa';
import type pg from 'pg';
import { pino, type Logger } from 'pino';
import { createOrderActivities } from '../activities/index.ts';
import { createWebhookActivities } from '../activities/webhooks.ts';
import type { Hooks } from '../chaos/hooks.ts';
import { createApi } from './api/app.ts';
import type { ApiState } from './api/context.ts';
import { createApiKeys } from './api/middleware/key-cache.ts';
import { LIMITS } from './api/middleware/rate-limit.ts';
import type { Config } from './config.ts';
import { createSimulatorConnector } from './connectors/simulator/connector.ts';
import { pendingMigrations } from './db/migrate.ts';
import { createKnex, createPool } from './db/pool.ts';
import { createTemporalClient } from './temporal/client.ts';
import { createOrderEngine } from './temporal/orders.ts';
import { engineReady, ORDER_QUEUE, workerPolls } from './temporal/readiness.ts';
import { runSweep } from './temporal/sweep.ts';
import {
  createRetryStarter,
  createSampleStarter,
  ensureDispatcher,
  WEBHOOK_QUEUE,
} from './temporal/webhooks.ts';
import { createPoster } from './webhooks/post.ts';
import { webhookSecret } from './webhooks/sign.ts';
import { checkTarget } from './webhooks/target.ts';

/** The only place where the parts are put together: one function per process, no container. */

const TOKENIZE_MS = 5_000;
const DAY_MS = 24 * 60 * 60 * 1_000;

export function createLogger({ logLevel }: Config, name: string): Logger {
  // Lines are written beside the requests, not inside them.
  return pino({ name, level: logLevel }, pino.destination({ sync: false }));
}

export interface ApiProcess {
  readonly app: Koa<ApiState>;
  close(): Promise<void>;
}

export async function composeApi(config: Config, log: Logger): Promise<ApiProcess> {
  await refusePending(config);
  const database = { url: config.databaseUrl, applicationName: 'payflow-api' };
  const pool = createPool({ ...database, max: config.databasePool });
  const knex = createKnex({ ...database, max: Math.ceil(config.databasePool / 4) });
  const client = createTemporalClient(config.temporal);
  const connector = createSimulatorConnector(config.bank);
  const hooks = await hooksOf(config, 'api');
  const apiKeys = createApiKeys({ pool, secretKey: config.secretKey, clock: Date.now });
  const app = createApi({
    pool: hooks.apiPool(pool),
    knex,
    log,
    apiKeys,
    engine: hooks.engine(createOrderEngine({ client, pool, taskQueue: ORDER_QUEUE })),
    clock: Date.now,
    limits: LIMITS,
    config: { ...config, captureWindowMs: config.captureDays * DAY_MS },
    tokenizeCard: (card) => connector.tokenizeCard(card, { timeoutMs: TOKENIZE_MS }),
    parseCallback: (rawBody, headers) => connector.parseCallback(rawBody, headers),
    webhookSecretOf: ({ id, secretVersion }) => webhookSecret(config.webhookSigningSecret, id, secretVersion),
    checkWebhookTarget: (url, field) => checkTarget(url, { allowPrivate: config.development, field }),
    startSample: createSampleStarter(client),
    readiness: readinessOf({ config, pool, client }),
  });
  await apiKeys.ready();
  return {
    app,
    async close() {
      await apiKeys.close();
      await Promise.all([connector.close(), client.connection.close(), pool.end(), knex.destroy()]);
    },
  };
}

/** A process of this build over a database of another would misread money. */
async function refusePending({ databaseUrl }: Config): Promise<void> {
  const pending = await pendingMigrations(databaseUrl);
  if (pending.length > 0) {
    throw new Error(`the database lacks ${pending.join(', ')}: run "payflow migrate" first`);
  }
}

function readinessOf({ config, pool, client }: { config: Config; pool: pg.Pool; client: Client }) {
  let migrated = false;
  return {
    postgres: async () => (await pool.query('select 1')).rowCount === 1,
    // Asked until it is so: migrations are not taken back.
    migrations: async () => (migrated ||= (await pendingMigrations(config.databaseUrl)).length === 0),
    engine: () => engineReady(client),
    worker: () => workerPolls(client, ORDER_QUEUE),
  };
}

/**
 * Where chaos/ may hold a process up to kill something at exactly that moment. Its code is loaded only
 * if this process was started by it, which production refuses.
 */
async function hooksOf({ chaosUrl }: Config, process: 'api' | 'worker'): Promise<Hooks> {
  if (chaosUrl === null) return NO_HOOKS;
  const { createHooks } = await import('../chaos/hooks.ts');
  return createHooks({ url: chaosUrl, process });
}

const NO_HOOKS: Hooks = {
  apiPool: (pool) => pool,
  engine: (engine) => engine,
  workerPool: (pool) => pool,
  connector: (connector) => connector,
  activities: (activities) => activities,
};

export interface WorkerProcess {
  /** Until `stop`; rejects when a worker fails. */
  run(): Promise<void>;
  stop(): void;
  close(): Promise<void>;
}

/** Half of these may be held by bank calls that run inside workflow tasks. */
const WORKFLOW_TASKS_MAX = 40;
const POLLERS = { type: 'autoscaling', minimum: 1, initial: 4, maximum: 20 } as const;

/** How our workers are set up; what the bench measures them against is set up the same. */
export const WORKER_TUNING = {
  maxCachedWorkflows: 300,
  maxConcurrentWorkflowTaskExecutions: WORKFLOW_TASKS_MAX,
  workflowTaskPollerBehavior: POLLERS,
  activityTaskPollerBehavior: POLLERS,
  stickyQueueScheduleToStartTimeout: '2 s',
  shutdownGraceTime: '5 s',
} as const satisfies Partial<WorkerOptions>;

export async function composeWorker(config: Config, log: Logger): Promise<WorkerProcess> {
  await refusePending(config);
  const pool = createPool({
    url: config.databaseUrl,
    max: config.databasePool,
    applicationName: 'payflow-worker',
  });
  const client = createTemporalClient(config.temporal);
  const connector = createSimulatorConnector(config.bank);
  const poster = createPoster({ allowPrivate: config.development });
  const connection = await connectWorker(config);
  const hooks = await hooksOf(config, 'worker');
  const stopping = new AbortController();
  const workers = await createWorkers({ connection, namespace: config.temporal.namespace }, [
    {
      taskQueue: ORDER_QUEUE,
      activities: hooks.activities(
        createOrderActivities({
          pool: hooks.workerPool(pool),
          connector: hooks.connector(connector),
          fastLaneMax: WORKFLOW_TASKS_MAX / 2,
          returnBase: config.apiUrl,
        }),
      ),
    },
    {
      taskQueue: WEBHOOK_QUEUE,
      activities: createWebhookActivities({
        pool,
        poster,
        signingSecret: config.webhookSigningSecret,
        stopping: stopping.signal,
        startRetry: createRetryStarter(client),
      }),
    },
  ]);
  const sweep = {
    pool,
    logger: log,
    engine: createOrderEngine({ client, pool, taskQueue: ORDER_QUEUE }),
    engineReady: () => engineReady(client),
    ensureDispatcher: () => ensureDispatcher(client),
  };
  return {
    async run() {
      await Promise.all([...workers.map((worker) => worker.run()), runSweep(sweep, stopping.signal)]);
    },
    stop() {
      if (stopping.signal.aborted) return;
      stopping.abort();
      for (const worker of workers) worker.shutdown();
    },
    async close() {
      await Promise.all([
        connection.close(),
        connector.close(),
        poster.close(),
        client.connection.close(),
        pool.end(),
      ]);
    },
  };
}

export function connectWorker({ temporal }: Pick<Config, 'temporal'>): Promise<NativeConnection> {
  return NativeConnection.connect({
    address: temporal.address,
    tls: temporal.tls,
    // Compressing what goes to the same machine or rack is pure loss.
    grpcCompression: { codec: 'none' },
    ...(temporal.apiKey === undefined ? {} : { apiKey: temporal.apiKey }),
  });
}

function createWorkers(
  shared: Pick<WorkerOptions, 'connection' | 'namespace'>,
  queues: readonly Pick<WorkerOptions, 'taskQueue' | 'activities'>[],
): Promise<Worker[]> {
  return Promise.all(
    queues.map((queue) =>
      Worker.create({
        ...shared,
        ...queue,
        workflowBundle: { codePath: new URL('../workflow-bundle.js', import.meta.url).pathname },
        ...WORKER_TUNING,
      }),
    ),
  );
}

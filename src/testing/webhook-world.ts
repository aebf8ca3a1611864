import { randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, WorkflowHandle } from '@temporalio/client';
import { Worker, type WorkflowBundleWithSourceMap } from '@temporalio/worker';
import type { Knex } from 'knex';
import type pg from 'pg';
import { createWebhookActivities, type WebhookDeps } from '../../activities/webhooks.ts';
import type { deliverWebhook, webhookDispatcher } from '../../workflows/webhooks.ts';
import { createKnex, createPool } from '../db/pool.ts';
import type { PublicEventType } from '../domain/events.ts';
import { bundleWorkflows } from '../local/workflow-bundle.ts';
import { createRetryStarter } from '../temporal/webhooks.ts';
import { createPoster } from '../webhooks/post.ts';
import { createDatabase, type TestDatabase } from './database.ts';
import { startReceiver, type Behaviour, type Receiver } from './receiver.ts';
import { connectClient, connectWorker, uniqueQueue } from './temporal.ts';
import { insertMerchant, insertTestEndpoint } from './webhook-rows.ts';

export const SIGNING_SECRET = 'a-signing-secret-of-at-least-32-bytes';
export const POST_MS = 2_000;

const WAIT_MS = 20_000;
const WORKFLOWS = resolve(import.meta.dirname, '../../workflows/webhooks.ts');

export interface TestWorker {
  /** As on SIGTERM. */
  stop(): Promise<void>;
  /** Without a word to the dispatcher. */
  shutDown(): Promise<void>;
}

export interface TestTarget {
  readonly id: string;
  readonly url: string;
  readonly host: string;
  /** Only where a behaviour was given. */
  readonly receiver: Receiver;
}

export interface DeliveryRow {
  readonly id: string;
  readonly status: string;
  readonly attempts: number;
  readonly claimed_until: string | null;
  readonly next_attempt_at: string | null;
  readonly finished_at: string | null;
}

export interface AttemptLog {
  readonly attempt: number;
  readonly success: boolean;
  readonly response_status: number | null;
  readonly response_body: string | null;
  readonly error: string | null;
}

interface World {
  readonly database: TestDatabase;
  readonly pool: pg.Pool;
  readonly knex: Knex;
  readonly client: Client;
  readonly workflowBundle: WorkflowBundleWithSourceMap;
}

/** Postgres, Temporal, workers and receivers for tests of deliveries; `reset` before each test. */
export type WebhookWorld = Awaited<ReturnType<typeof createWebhookWorld>>;

export async function createWebhookWorld() {
  const world = await connectWorld();
  const { database, pool, knex, client } = world;
  const workers: TestWorker[] = [];
  const receivers: Receiver[] = [];
  let dispatcher: WorkflowHandle<typeof webhookDispatcher> | null = null;
  let queue = uniqueQueue();
  let merchant = '';
  return {
    pool,
    knex,
    client,
    databaseUrl: database.url,
    queue: () => queue,
    merchant: () => merchant,
    async reset() {
      await pool.query('truncate outbox, deliveries, delivery_attempts');
      queue = uniqueQueue();
      merchant = await insertMerchant(pool);
    },
    /** A worker of this test's queue. */
    async startWorker(deps: Partial<WebhookDeps> = {}): Promise<TestWorker> {
      const worker = await startWorker(world, queue, deps);
      workers.push(worker);
      return worker;
    },
    async startDispatcher() {
      dispatcher = await client.workflow.start<typeof webhookDispatcher>('webhookDispatcher', {
        workflowId: `webhook-dispatcher-${randomUUID()}`,
        taskQueue: queue,
      });
    },
    async receiver(behaviour: Behaviour): Promise<Receiver> {
      const receiver = await startReceiver(behaviour);
      receivers.push(receiver);
      return receiver;
    },
    /** An endpoint of this test's merchant: a receiver of that behaviour, or a URL. */
    async endpoint(to: Behaviour | string, events?: readonly PublicEventType[]): Promise<TestTarget> {
      const receiver = typeof to === 'string' ? null : await this.receiver(to);
      const url = receiver?.url ?? (to as string);
      const id = await insertTestEndpoint(pool, merchant, { url, ...(events ? { events } : {}) });
      return { id, url, host: new URL(url).host, receiver: receiver! };
    },
    deliveriesOf: (endpointId: string) => deliveriesOf(pool, endpointId),
    attemptsOf: (endpointId: string) => attemptsOf(pool, endpointId),
    /** Waits until the endpoint has so many deliveries and all are over. */
    allEnded: (endpointId: string, count: number) =>
      eventually(async () => {
        const rows = await deliveriesOf(pool, endpointId);
        return rows.length === count && rows.every((row) => row.finished_at !== null) && rows;
      }),
    retryOf: (eventId: string, endpointId: string) =>
      client.workflow.getHandle<typeof deliverWebhook>(`${eventId}:${endpointId}`),
    async tidy() {
      await Promise.all(workers.splice(0).map((worker) => worker.stop()));
      await dispatcher?.terminate();
      dispatcher = null;
      await Promise.all(receivers.splice(0).map((receiver) => receiver.close()));
    },
    async close() {
      await client.connection.close();
      await Promise.all([pool.end(), knex.destroy()]);
      await database.drop();
    },
  };
}

async function connectWorld(): Promise<World> {
  const database = await createDatabase();
  return {
    database,
    pool: createPool({ url: database.url, max: 30, applicationName: 'test' }),
    knex: createKnex({ url: database.url, max: 5, applicationName: 'test' }),
    client: await connectClient(),
    workflowBundle: await bundleWorkflows(WORKFLOWS),
  };
}

/** In a hurry: tenths of a second, four retries. */
const soon = (failed: number) => (failed < 5 ? 100 : null);

async function startWorker(
  { pool, client, workflowBundle }: World,
  taskQueue: string,
  deps: Partial<WebhookDeps>,
): Promise<TestWorker> {
  const stopping = new AbortController();
  const poster = createPoster({ allowPrivate: true, timeoutMs: POST_MS });
  // Two workers of one queue cannot share a connection.
  const connection = await connectWorker();
  const worker = await Worker.create({
    connection,
    taskQueue,
    workflowBundle,
    shutdownGraceTime: '500 ms',
    activities: createWebhookActivities({
      pool,
      poster,
      signingSecret: SIGNING_SECRET,
      stopping: stopping.signal,
      startRetry: createRetryStarter(client, taskQueue),
      delayMs: soon,
      ...deps,
    }),
  });
  const run = async () => {
    await worker.run();
    await poster.close();
    await connection.close();
  };
  const ended = run();
  const shutDown = async () => {
    if (worker.getState() === 'RUNNING') worker.shutdown();
    await ended;
  };
  return {
    shutDown,
    stop: () => {
      stopping.abort();
      return shutDown();
    },
  };
}

async function deliveriesOf(pool: pg.Pool, endpointId: string): Promise<DeliveryRow[]> {
  const { rows } = await pool.query<DeliveryRow>(
    'select * from deliveries where endpoint_id = $1 order by created_at',
    [endpointId],
  );
  return rows;
}

async function attemptsOf(pool: pg.Pool, endpointId: string): Promise<AttemptLog[]> {
  const { rows } = await pool.query<AttemptLog>(
    `select a.* from delivery_attempts a join deliveries d on d.id = a.delivery_id
     where d.endpoint_id = $1 order by a.created_at, a.attempt`,
    [endpointId],
  );
  return rows;
}

type Maybe<T> = T | null | undefined | false;

/** Looks until there is something to see. */
export async function eventually<T>(look: () => Promise<Maybe<T>> | Maybe<T>): Promise<T> {
  const until = Date.now() + WAIT_MS;
  for (;;) {
    const seen = await look();
    if (seen) return seen;
    if (Date.now() > until) throw new Error(`not within ${WAIT_MS} ms`);
    await sleep(25);
  }
}

export function captured(count: number): PublicEventType[] {
  return Array.from({ length: count }, () => 'payment.captured');
}

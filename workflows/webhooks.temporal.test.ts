import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, WorkflowHandle } from '@temporalio/client';
import { bundleWorkflowCode, DefaultLogger, Worker, type WorkflowBundleWithSourceMap } from '@temporalio/worker';
import pg from 'pg';
import { createWebhookActivities, type WebhookDeps } from '../activities/webhooks.ts';
import { insertResend } from '../src/db/delivery-retries.ts';
import { createPool } from '../src/db/pool.ts';
import { eventBody, type PublicEventType } from '../src/domain/events.ts';
import { createRetryStarter, ensureDispatcher } from '../src/temporal/webhooks.ts';
import { createDatabase, type TestDatabase } from '../src/testing/database.ts';
import { answers, flapping, redirect, slow, startReceiver, status, type Behaviour, type Receiver } from '../src/testing/receiver.ts';
import { connectClient, connectWorker, uniqueQueue } from '../src/testing/temporal.ts';
import { insertEvents, insertMerchant, insertTestEndpoint } from '../src/testing/webhook-rows.ts';
import { createPoster } from '../src/webhooks/post.ts';
import { signedHeaders, webhookSecret } from '../src/webhooks/sign.ts';
import type { deliverWebhook, webhookDispatcher } from './webhooks.ts';

const SIGNING_SECRET = 'a-signing-secret-of-at-least-32-bytes';
const WAIT_MS = 20_000;

let database: TestDatabase;
let pool: pg.Pool;
let client: Client;
let workflowBundle: WorkflowBundleWithSourceMap;

beforeAll(async () => {
  database = await createDatabase();
  pool = createPool({ url: database.url, max: 30, applicationName: 'test' });
  client = await connectClient();
  workflowBundle = await bundleWorkflowCode({
    workflowsPath: join(import.meta.dirname, 'webhooks.ts'),
    logger: new DefaultLogger('ERROR'),
  });
});

afterAll(async () => {
  await client.connection.close();
  await pool.end();
  await database.drop();
});

interface TestWorker {
  readonly stopping: AbortController;
  readonly worker: Worker;
  readonly ended: Promise<void>;
}

let queue: string;
let merchant: string;
let dispatcher: WorkflowHandle<typeof webhookDispatcher> | null;
let workers: TestWorker[];
let receivers: Receiver[];

beforeEach(async () => {
  await pool.query('truncate outbox, deliveries, delivery_attempts');
  queue = uniqueQueue();
  merchant = await insertMerchant(pool);
  [workers, receivers, dispatcher] = [[], [], null];
});

afterEach(async () => {
  await Promise.all(workers.map(stopWorker));
  await dispatcher?.terminate();
  await Promise.all(receivers.map((receiver) => receiver.close()));
});

/** In a hurry: tenths of a second, four retries. */
const soon = (failed: number) => (failed < 5 ? 100 : null);

async function startWorker(deps: Partial<WebhookDeps> = {}): Promise<TestWorker> {
  const stopping = new AbortController();
  const poster = createPoster({ allowPrivate: true, timeoutMs: 2_000 });
  // Two workers of one queue cannot share a connection.
  const connection = await connectWorker();
  const worker = await Worker.create({
    connection,
    taskQueue: queue,
    workflowBundle,
    shutdownGraceTime: '500 ms',
    activities: createWebhookActivities({
      pool,
      poster,
      signingSecret: SIGNING_SECRET,
      stopping: stopping.signal,
      startRetry: createRetryStarter(client, queue),
      delayMs: soon,
      ...deps,
    }),
  });
  const ended = worker.run().finally(async () => {
    await poster.close();
    await connection.close();
  });
  const started = { stopping, worker, ended };
  workers.push(started);
  return started;
}

/** As on SIGTERM. */
async function stopWorker({ stopping, worker, ended }: TestWorker): Promise<void> {
  stopping.abort();
  if (worker.getState() === 'RUNNING') worker.shutdown();
  await ended;
}

async function startDispatcher() {
  dispatcher = await client.workflow.start<typeof webhookDispatcher>('webhookDispatcher', {
    workflowId: `webhook-dispatcher-${randomUUID()}`,
    taskQueue: queue,
  });
}

async function endpoint(behaviour: Behaviour | string, events?: PublicEventType[]) {
  const receiver = typeof behaviour === 'string' ? null : await startReceiver(behaviour);
  if (receiver !== null) receivers.push(receiver);
  const url = receiver?.url ?? (behaviour as string);
  const id = await insertTestEndpoint(pool, merchant, { url, ...(events ? { events } : {}) });
  return { id, url, receiver: receiver!, host: new URL(url).host };
}

type Maybe<T> = T | null | undefined | false;

async function eventually<T>(look: () => Promise<Maybe<T>> | Maybe<T>): Promise<T> {
  const until = Date.now() + WAIT_MS;
  for (;;) {
    const seen = await look();
    if (seen) return seen;
    if (Date.now() > until) throw new Error(`not within ${WAIT_MS} ms`);
    await sleep(25);
  }
}

async function deliveriesOf(endpointId: string) {
  const { rows } = await pool.query('select * from deliveries where endpoint_id = $1 order by created_at', [endpointId]);
  return rows;
}

async function attemptsOf(endpointId: string) {
  const { rows } = await pool.query(
    `select a.* from delivery_attempts a join deliveries d on d.id = a.delivery_id
     where d.endpoint_id = $1 order by a.created_at, a.attempt`,
    [endpointId],
  );
  return rows;
}

const allEnded = (endpointId: string, count: number) =>
  eventually(async () => {
    const rows = await deliveriesOf(endpointId);
    return rows.length === count && rows.every((row) => row.finished_at !== null) && rows;
  });

const captured = (count: number): PublicEventType[] => Array.from({ length: count }, () => 'payment.captured');

const retryHandle = (eventId: string, endpointId: string) =>
  client.workflow.getHandle<typeof deliverWebhook>(`${eventId}:${endpointId}`);

describe('first tries', () => {
  test('in the order of creation, one POST each, signed as the guide checks it', async () => {
    const shop = await endpoint(answers.ok);
    await startWorker({ postsPerEndpointMax: 1 });
    await startDispatcher();
    const types: PublicEventType[] = ['payment.captured', 'order.paid', 'refund.created', 'refund.processed', 'order.expired'];
    const events = await insertEvents(pool, merchant, types);
    const deliveries = await allEnded(shop.id, types.length);
    expect(deliveries.map((row) => row.status)).toEqual(types.map(() => 'delivered'));
    const { received } = shop.receiver;
    expect(received.map(({ headers }) => headers['webhook-id'])).toEqual(events.map((event) => event.id));
    for (const [index, { headers, body }] of received.entries()) {
      const { id, payload } = events[index]!;
      const parsed = JSON.parse(body) as { created_at: string };
      const type = types[index]!;
      expect(body).toBe(eventBody({ id, type, at: parsed.created_at, sequence: index + 1, payload }));
      expect(headers).toMatchObject(
        signedHeaders({
          body,
          eventId: id,
          eventType: type,
          deliveryId: deliveries[index].id,
          at: new Date(Number(headers['webhook-timestamp']) * 1_000),
          secrets: [webhookSecret(SIGNING_SECRET, shop.id, 1)],
        }),
      );
    }
    expect(await attemptsOf(shop.id)).toHaveLength(types.length);
  });

  test('only to endpoints that subscribe, also where there are several', async () => {
    const all = await endpoint(answers.ok);
    const failures = await endpoint(answers.ok, ['payment.failed']);
    await startWorker();
    await startDispatcher();
    await insertEvents(pool, merchant, ['payment.captured', 'payment.failed']);
    await allEnded(all.id, 2);
    await allEnded(failures.id, 1);
    expect(failures.receiver.received.map(({ headers }) => headers['x-payflow-event'])).toEqual(['payment.failed']);
  });

  test('what is no success: redirect, too slow, a private address; a huge body is one', async () => {
    const elsewhere = await startReceiver(answers.ok);
    receivers.push(elsewhere);
    const places = {
      redirect: await endpoint(redirect(elsewhere.url)),
      slow: await endpoint(slow(10_000)),
      private: await endpoint('http://10.0.0.1/hook'),
      metadata: await endpoint('http://169.254.169.254/latest/meta-data/'),
      huge: await endpoint(answers.hugeBody),
    };
    await startWorker({ delayMs: () => null });
    await startDispatcher();
    await insertEvents(pool, merchant, ['payment.captured']);
    const attempt = async (place: keyof typeof places) => {
      await allEnded(places[place].id, 1);
      return (await attemptsOf(places[place].id))[0];
    };
    expect(await attempt('redirect')).toMatchObject({ success: false, response_status: 302 });
    expect(await attempt('slow')).toMatchObject({ success: false, response_status: null, error: 'no answer within 2 s' });
    expect(await attempt('private')).toMatchObject({ success: false, error: expect.stringContaining('public address') });
    expect(await attempt('metadata')).toMatchObject({ success: false, error: expect.stringContaining('public address') });
    const huge = await attempt('huge');
    expect(huge).toMatchObject({ success: true, response_status: 200 });
    expect(huge.response_body).toHaveLength(1_024);
    expect(elsewhere.received).toHaveLength(0);
  });

  test('410 switches the endpoint off, and what waits for it is written off without a POST', async () => {
    const shop = await endpoint(answers.gone);
    await startWorker({ postsPerEndpointMax: 1 });
    await startDispatcher();
    const events = await insertEvents(pool, merchant, captured(5));
    const deliveries = await allEnded(shop.id, 5);
    expect(deliveries.map((row) => row.status)).toEqual(events.map(() => 'failed'));
    expect(shop.receiver.received).toHaveLength(1);
    const { rows } = await pool.query('select is_active, disabled_reason from webhook_endpoints where id = $1', [shop.id]);
    expect(rows[0]).toEqual({ is_active: false, disabled_reason: 'The endpoint answered 410 Gone' });
    await expect(retryHandle(events[0]!.id, shop.id).describe()).rejects.toThrow(/not found/i);
  });

  test('an endpoint that does not answer delays nobody', async () => {
    const dead = await endpoint(answers.silent);
    const shop = await endpoint(answers.ok);
    await startWorker({ postsMax: 16 });
    await startDispatcher();
    await eventually(async () => (await client.workflow.getHandle(dispatcher!.workflowId).describe()).historyLength > 4);
    const from = Date.now();
    await insertEvents(pool, merchant, captured(40));
    await allEnded(shop.id, 40);
    // One POST to the dead one takes 2 s.
    expect(Date.now() - from).toBeLessThan(1_900);
    expect(dead.receiver.received.length).toBeLessThanOrEqual(8);
  });
});

describe('retries', () => {
  test('wait in a workflow that shows the attempt and the last failure', async () => {
    const shop = await endpoint(status(503));
    await startWorker({ delayMs: (failed) => (failed === 1 ? 100 : 60_000) });
    await startDispatcher();
    const [event] = await insertEvents(pool, merchant, ['payment.captured']);
    const handle = retryHandle(event!.id, shop.id);
    const activity = await eventually(async () => {
      const described = await handle.describe().catch(() => null);
      const [pending] = described?.raw.pendingActivities ?? [];
      return pending?.lastFailure && pending;
    });
    expect(activity).toMatchObject({ attempt: 2, activityType: { name: 'attemptDelivery' } });
    expect(activity.lastFailure?.message).toBe(`HTTP 503 from ${shop.host}`);
    expect(activity.lastFailure?.applicationFailureInfo?.type).toBe('DeliveryFailed');
    const described = await handle.describe();
    expect(described.status.name).toBe('RUNNING');
    expect(await described.staticSummary()).toBe(`payment.captured ${event!.id} → ${shop.host}`);
    const [delivery] = await deliveriesOf(shop.id);
    expect(delivery).toMatchObject({ status: 'retrying', attempts: 2, claimed_until: null });
    expect(Date.parse(delivery.next_attempt_at) - Date.now()).toBeGreaterThan(50_000);
    await handle.terminate();
  });

  test('until it is taken: one row per try, the same ids and bytes each time', async () => {
    const shop = await endpoint(flapping(2));
    await startWorker();
    await startDispatcher();
    const [event] = await insertEvents(pool, merchant, ['payment.captured']);
    const [delivery] = await allEnded(shop.id, 1);
    expect(delivery).toMatchObject({ status: 'delivered', attempts: 3 });
    const attempts = await attemptsOf(shop.id);
    expect(attempts.map(({ attempt, success, response_status }) => [attempt, success, response_status])).toEqual([
      [1, false, 503],
      [2, false, 503],
      [3, true, 200],
    ]);
    const { received } = shop.receiver;
    expect(received).toHaveLength(3);
    const same = (pick: (each: (typeof received)[number]) => unknown) => new Set(received.map(pick)).size;
    expect(same(({ body }) => body)).toBe(1);
    for (const header of ['x-payflow-delivery', 'webhook-id', 'x-payflow-event-id', 'x-payflow-signature']) {
      expect(same(({ headers }) => headers[header])).toBe(1);
    }
    expect(received[0]!.headers['x-payflow-delivery']).toBe(delivery.id);
    await expect(retryHandle(event!.id, shop.id).result()).resolves.toEqual({ attempt: 3 });
  });

  test('until none is left: failed, and its workflow too', async () => {
    const shop = await endpoint(status(500));
    await startWorker({ delayMs: (failed) => (failed < 3 ? 100 : null) });
    await startDispatcher();
    const [event] = await insertEvents(pool, merchant, ['payment.captured']);
    const [delivery] = await allEnded(shop.id, 1);
    expect(delivery).toMatchObject({ status: 'failed', attempts: 3, next_attempt_at: null });
    expect(shop.receiver.received).toHaveLength(3);
    await expect(retryHandle(event!.id, shop.id).result()).rejects.toThrow();
  });

  test('until the endpoint is switched off', async () => {
    const shop = await endpoint(status(500));
    await startWorker({ delayMs: () => 1_000 });
    await startDispatcher();
    await insertEvents(pool, merchant, ['payment.captured']);
    await eventually(() => shop.receiver.received.length > 0);
    await pool.query('update webhook_endpoints set is_active = false where id = $1', [shop.id]);
    const [delivery] = await allEnded(shop.id, 1);
    expect(delivery.status).toBe('failed');
    expect(shop.receiver.received).toHaveLength(delivery.attempts);
  });

  test('410 on a retry switches the endpoint off', async () => {
    const shop = await endpoint((response, count) => (count === 1 ? status(500) : answers.gone)(response, count));
    await startWorker();
    await startDispatcher();
    const [event] = await insertEvents(pool, merchant, ['payment.captured']);
    const [delivery] = await allEnded(shop.id, 1);
    expect(delivery).toMatchObject({ status: 'failed', attempts: 2 });
    const { rows } = await pool.query('select is_active from webhook_endpoints where id = $1', [shop.id]);
    expect(rows[0].is_active).toBe(false);
    await expect(retryHandle(event!.id, shop.id).result()).rejects.toMatchObject({
      cause: { cause: { type: 'EndpointGone', nonRetryable: true } },
    });
  });

  test('one that comes before its time does not post', async () => {
    const shop = await endpoint(status(503));
    await startWorker({
      // A workflow without its start delay, as after a completion that Temporal did not hear of.
      startRetry: (retry) => createRetryStarter(client, queue)({ ...retry, waitMs: 0 }),
      delayMs: () => 60_000,
    });
    await startDispatcher();
    const [event] = await insertEvents(pool, merchant, ['payment.captured']);
    const handle = retryHandle(event!.id, shop.id);
    const failure = await eventually(async () => {
      const described = await handle.describe().catch(() => null);
      return described?.raw.pendingActivities?.[0]?.lastFailure;
    });
    expect(failure.message).toMatch(/^the next try is due in (59|60) s$/);
    expect(shop.receiver.received).toHaveLength(1);
    await handle.terminate();
  });

  test('a resend is a workflow and a delivery of its own, of the same event', async () => {
    const shop = await endpoint(answers.ok);
    await startWorker();
    await startDispatcher();
    const [event] = await insertEvents(pool, merchant, ['payment.captured']);
    const [first] = await allEnded(shop.id, 1);
    const resend = await insertResend(pool, { merchantId: merchant, of: first.id });
    await allEnded(shop.id, 2);
    const [one, two] = shop.receiver.received;
    expect(two!.body).toBe(one!.body);
    expect(two!.headers['webhook-id']).toBe(event!.id);
    expect(two!.headers['x-payflow-delivery']).toBe(resend);
    const handle = client.workflow.getHandle(`${event!.id}:${shop.id}:${resend}`);
    await expect(handle.result()).resolves.toEqual({ attempt: 1 });
  });
});

describe('nothing is lost', () => {
  test('when the workflow of a retry could not be started: the lease brings it back', async () => {
    const shop = await endpoint(flapping(1));
    let starts = 0;
    await startWorker({
      startRetry: async (retry) => {
        if (++starts === 1) throw new Error('the engine is away');
        return createRetryStarter(client, queue)(retry);
      },
    });
    await startDispatcher();
    await insertEvents(pool, merchant, ['payment.captured']);
    await eventually(() => starts === 1);
    const [waiting] = await deliveriesOf(shop.id);
    expect(waiting).toMatchObject({ status: 'retrying', attempts: 1, claimed_until: expect.any(String) });
    await pool.query(`update deliveries set claimed_until = now() - interval '1 ms' where id = $1`, [waiting.id]);
    const [delivery] = await allEnded(shop.id, 1);
    expect(delivery).toMatchObject({ status: 'delivered', attempts: 2 });
    expect(starts).toBe(2);
  });

  test('when a retry’s workflow is ended by hand, its delivery ends as failed', async () => {
    const shop = await endpoint(status(503));
    await startWorker({ delayMs: () => 60_000 });
    await startDispatcher();
    const [event] = await insertEvents(pool, merchant, ['payment.captured']);
    const handle = retryHandle(event!.id, shop.id);
    await eventually(async () => (await handle.describe().catch(() => null)) ?? undefined);
    await eventually(async () => (await deliveriesOf(shop.id))[0].claimed_until === null);
    await handle.terminate();
    await pool.query(`update deliveries set next_attempt_at = now() - interval '11 min' where endpoint_id = $1`, [shop.id]);
    const [delivery] = await allEnded(shop.id, 1);
    expect(delivery).toMatchObject({ status: 'failed', attempts: 1 });
  });

  test('when Postgres drops all connections in the middle: the dispatcher comes back', async () => {
    const shop = await endpoint(answers.ok);
    await startWorker();
    await startDispatcher();
    await insertEvents(pool, merchant, captured(3));
    await allEnded(shop.id, 3);
    const admin = new pg.Client({ connectionString: database.url });
    await admin.connect();
    await admin.query(
      'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
    );
    await admin.end();
    await insertEvents(pool, merchant, captured(3));
    await allEnded(shop.id, 6);
    expect(shop.receiver.received).toHaveLength(6);
  });

  test('when its process is asked to end: it hands over at once, and what was cut off is posted again', async () => {
    const shop = await endpoint((response, count) => (count === 1 ? answers.silent : answers.ok)(response));
    const first = await startWorker({ poster: createPoster({ allowPrivate: true, timeoutMs: 60_000 }) });
    await startDispatcher();
    await insertEvents(pool, merchant, ['payment.captured']);
    await eventually(() => shop.receiver.received.length === 1);
    await startWorker();
    const from = Date.now();
    await stopWorker(first);
    expect(Date.now() - from).toBeLessThan(2_000);
    const [delivery] = await allEnded(shop.id, 1);
    expect(Date.now() - from).toBeLessThan(4_000);
    expect(delivery).toMatchObject({ status: 'delivered', attempts: 1 });
    const [cut, again] = shop.receiver.received;
    expect(again!.body).toBe(cut!.body);
    expect(again!.headers['x-payflow-delivery']).toBe(cut!.headers['x-payflow-delivery']);
    await expect(attemptsOf(shop.id)).resolves.toHaveLength(1);
  });

  test('when its worker shuts down without a word to it: another one takes over', async () => {
    const shop = await endpoint(answers.ok);
    const first = await startWorker();
    await startDispatcher();
    await insertEvents(pool, merchant, captured(2));
    await allEnded(shop.id, 2);
    first.worker.shutdown();
    await first.ended;
    await insertEvents(pool, merchant, captured(2));
    await startWorker();
    await allEnded(shop.id, 4);
    expect(shop.receiver.received).toHaveLength(4);
    const { rows } = await pool.query('select status, count(*) as n from deliveries group by 1');
    expect(rows).toEqual([{ status: 'delivered', n: 4 }]);
  });
});

describe('ensureDispatcher', () => {
  test('starts it where it does not run, says so, and is refused by one that does', async () => {
    const namespace = `webhooks-${randomUUID()}`;
    const own = await connectClient(namespace);
    await own.connection.workflowService.registerNamespace({
      namespace,
      workflowExecutionRetentionPeriod: { seconds: 86_400 as unknown as Long },
    });
    const started = await eventually(() => ensureDispatcher(own, queue).catch(() => undefined));
    expect(started).toBe(true);
    await expect(ensureDispatcher(own, queue)).resolves.toBe(false);
    await own.workflow.getHandle('webhook-dispatcher').terminate();
    await expect(ensureDispatcher(own, queue)).resolves.toBe(true);
    await own.connection.close();
  });
});

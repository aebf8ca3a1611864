import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { createPool } from '../src/db/pool.ts';
import { createRetryStarter, ensureDispatcher } from '../src/temporal/webhooks.ts';
import { answers, flapping, status } from '../src/testing/receiver.ts';
import { connectClient } from '../src/testing/temporal.ts';
import { insertEvents } from '../src/testing/webhook-rows.ts';
import { captured, createWebhookWorld, eventually, type WebhookWorld } from '../src/testing/webhook-world.ts';
import { createPoster } from '../src/webhooks/post.ts';

let world: WebhookWorld;
beforeAll(async () => {
  world = await createWebhookWorld();
});
beforeEach(() => world.reset());
afterEach(() => world.tidy());
afterAll(() => world.close());

describe('nothing is lost', () => {
  test('when the workflow of a retry could not be started: the lease brings it back', async () => {
    const shop = await world.endpoint(flapping(1));
    let starts = 0;
    await world.startWorker({
      startRetry: async (retry) => {
        if (++starts === 1) throw new Error('the engine is away');
        return createRetryStarter(world.client, world.queue())(retry);
      },
    });
    await world.startDispatcher();
    await insertEvents(world.pool, world.merchant(), ['payment.captured']);
    await eventually(() => starts === 1);
    const [waiting] = await world.deliveriesOf(shop.id);
    expect(waiting).toMatchObject({ status: 'retrying', attempts: 1, claimed_until: expect.any(String) });
    await world.pool.query(`update deliveries set claimed_until = now() - interval '1 ms' where id = $1`, [
      waiting!.id,
    ]);
    const [delivery] = await world.allEnded(shop.id, 1);
    expect(delivery).toMatchObject({ status: 'delivered', attempts: 2 });
    expect(starts).toBe(2);
  });

  test('when a retry’s workflow is ended by hand, its delivery ends as failed', async () => {
    const shop = await world.endpoint(status(503));
    await world.startWorker({ delayMs: () => 60_000 });
    await world.startDispatcher();
    const [event] = await insertEvents(world.pool, world.merchant(), ['payment.captured']);
    const handle = world.retryOf(event!.id, shop.id);
    await eventually(async () => (await handle.describe().catch(() => null)) ?? undefined);
    await eventually(async () => (await world.deliveriesOf(shop.id))[0]!.claimed_until === null);
    await handle.terminate();
    await world.pool.query(
      `update deliveries set next_attempt_at = now() - interval '11 min' where endpoint_id = $1`,
      [shop.id],
    );
    const [delivery] = await world.allEnded(shop.id, 1);
    expect(delivery).toMatchObject({ status: 'failed', attempts: 1 });
  });

  test('when Postgres drops all connections in the middle: the dispatcher comes back', async () => {
    const shop = await world.endpoint(answers.ok);
    await world.startWorker();
    await world.startDispatcher();
    await insertEvents(world.pool, world.merchant(), captured(3));
    await world.allEnded(shop.id, 3);
    const admin = new pg.Client({ connectionString: world.databaseUrl });
    await admin.connect();
    await admin.query(
      'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
    );
    await admin.end();
    // Not through the pool of the worker: it is to find out for itself.
    const fresh = createPool({ url: world.databaseUrl, max: 1, applicationName: 'test' });
    await insertEvents(fresh, world.merchant(), captured(3));
    await fresh.end();
    // The look itself may meet a connection that is gone.
    await eventually(() => world.allEnded(shop.id, 6).catch(() => false));
    expect(shop.receiver.received).toHaveLength(6);
  });

  test('when its process is asked to end: it hands over at once, and what was cut off is posted again', async () => {
    const shop = await world.endpoint((response, count) =>
      (count === 1 ? answers.silent : answers.ok)(response),
    );
    const first = await world.startWorker({
      poster: createPoster({ allowPrivate: true, timeoutMs: 60_000 }),
    });
    await world.startDispatcher();
    await insertEvents(world.pool, world.merchant(), ['payment.captured']);
    await eventually(() => shop.receiver.received.length === 1);
    await world.startWorker();
    const from = Date.now();
    await first.stop();
    expect(Date.now() - from).toBeLessThan(2_000);
    const [delivery] = await world.allEnded(shop.id, 1);
    expect(Date.now() - from).toBeLessThan(4_000);
    expect(delivery).toMatchObject({ status: 'delivered', attempts: 1 });
    const [cut, again] = shop.receiver.received;
    expect(again!.body).toBe(cut!.body);
    expect(again!.headers['x-payflow-delivery']).toBe(cut!.headers['x-payflow-delivery']);
    await expect(world.attemptsOf(shop.id)).resolves.toHaveLength(1);
  });

  test('when its worker shuts down without a word to it: another one takes over', async () => {
    const shop = await world.endpoint(answers.ok);
    const first = await world.startWorker();
    await world.startDispatcher();
    await insertEvents(world.pool, world.merchant(), captured(2));
    await world.allEnded(shop.id, 2);
    await first.shutDown();
    await insertEvents(world.pool, world.merchant(), captured(2));
    await world.startWorker();
    await world.allEnded(shop.id, 4);
    expect(shop.receiver.received).toHaveLength(4);
    const { rows } = await world.pool.query('select status, count(*) as n from deliveries group by 1');
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
    const started = await eventually(() => ensureDispatcher(own, world.queue()).catch(() => undefined));
    expect(started).toBe(true);
    await expect(ensureDispatcher(own, world.queue())).resolves.toBe(false);
    await own.workflow.getHandle('webhook-dispatcher').terminate();
    await expect(ensureDispatcher(own, world.queue())).resolves.toBe(true);
    await own.connection.close();
  });
});

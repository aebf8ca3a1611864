import { insertResend } from '../src/db/delivery-retries.ts';
import { eventBody, type PublicEventType } from '../src/domain/events.ts';
import { createRetryStarter } from '../src/temporal/webhooks.ts';
import { answers, flapping, redirect, slow, status } from '../src/testing/receiver.ts';
import { insertEvents } from '../src/testing/webhook-rows.ts';
import {
  captured,
  createWebhookWorld,
  eventually,
  SIGNING_SECRET,
  type WebhookWorld,
} from '../src/testing/webhook-world.ts';
import { signedHeaders, webhookSecret } from '../src/webhooks/sign.ts';

let world: WebhookWorld;
beforeAll(async () => {
  world = await createWebhookWorld();
});
beforeEach(() => world.reset());
afterEach(() => world.tidy());
afterAll(() => world.close());

describe('first tries', () => {
  test('in the order of creation, one POST each, signed as the guide checks it', async () => {
    const shop = await world.endpoint(answers.ok);
    await world.startWorker({ postsPerEndpointMax: 1 });
    await world.startDispatcher();
    const types: PublicEventType[] = [
      'payment.captured',
      'order.paid',
      'refund.created',
      'refund.processed',
      'order.expired',
    ];
    const events = await insertEvents(world.pool, world.merchant(), types);
    const deliveries = await world.allEnded(shop.id, types.length);
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
          deliveryId: deliveries[index]!.id,
          at: new Date(Number(headers['webhook-timestamp']) * 1_000),
          secrets: [webhookSecret(SIGNING_SECRET, shop.id, 1)],
        }),
      );
    }
    expect(await world.attemptsOf(shop.id)).toHaveLength(types.length);
  });

  test('only to endpoints that subscribe, also where there are several', async () => {
    const all = await world.endpoint(answers.ok);
    const failures = await world.endpoint(answers.ok, ['payment.failed']);
    await world.startWorker();
    await world.startDispatcher();
    await insertEvents(world.pool, world.merchant(), ['payment.captured', 'payment.failed']);
    await world.allEnded(all.id, 2);
    await world.allEnded(failures.id, 1);
    expect(failures.receiver.received.map(({ headers }) => headers['x-payflow-event'])).toEqual([
      'payment.failed',
    ]);
  });

  test('what is no success: redirect, too slow, a private address; a huge body is one', async () => {
    const elsewhere = await world.receiver(answers.ok);
    const places = {
      redirect: await world.endpoint(redirect(elsewhere.url)),
      slow: await world.endpoint(slow(10_000)),
      private: await world.endpoint('http://10.0.0.1/hook'),
      metadata: await world.endpoint('http://169.254.169.254/latest/meta-data/'),
      huge: await world.endpoint(answers.hugeBody),
    };
    await world.startWorker({ delayMs: () => null });
    await world.startDispatcher();
    await insertEvents(world.pool, world.merchant(), ['payment.captured']);
    const attempt = async (place: keyof typeof places) => {
      await world.allEnded(places[place].id, 1);
      return (await world.attemptsOf(places[place].id))[0]!;
    };
    expect(await attempt('redirect')).toMatchObject({ success: false, response_status: 302 });
    expect(await attempt('slow')).toMatchObject({
      success: false,
      response_status: null,
      error: 'no answer within 2 s',
    });
    expect(await attempt('private')).toMatchObject({
      success: false,
      error: expect.stringContaining('public address'),
    });
    expect(await attempt('metadata')).toMatchObject({
      success: false,
      error: expect.stringContaining('public address'),
    });
    const huge = await attempt('huge');
    expect(huge).toMatchObject({ success: true, response_status: 200 });
    expect(huge.response_body).toHaveLength(1_024);
    expect(elsewhere.received).toHaveLength(0);
  });

  test('410 switches the endpoint off, and what waits for it is written off without a POST', async () => {
    const shop = await world.endpoint(answers.gone);
    await world.startWorker({ postsPerEndpointMax: 1 });
    await world.startDispatcher();
    const events = await insertEvents(world.pool, world.merchant(), captured(5));
    const deliveries = await world.allEnded(shop.id, 5);
    expect(deliveries.map((row) => row.status)).toEqual(events.map(() => 'failed'));
    expect(shop.receiver.received).toHaveLength(1);
    const { rows } = await world.pool.query(
      'select is_active, disabled_reason from webhook_endpoints where id = $1',
      [shop.id],
    );
    expect(rows[0]).toEqual({ is_active: false, disabled_reason: 'The endpoint answered 410 Gone' });
    await expect(world.retryOf(events[0]!.id, shop.id).describe()).rejects.toThrow(/not found/i);
  });

  test('an endpoint that does not answer delays nobody', async () => {
    const dead = await world.endpoint(answers.silent);
    const shop = await world.endpoint(answers.ok);
    await world.startWorker({ postsMax: 16 });
    await world.startDispatcher();
    await insertEvents(world.pool, world.merchant(), captured(1));
    await world.allEnded(shop.id, 1);
    const from = Date.now();
    await insertEvents(world.pool, world.merchant(), captured(40));
    await world.allEnded(shop.id, 41);
    // One POST to the dead one takes 2 s, and all of its POSTs could fill the 16.
    expect(Date.now() - from).toBeLessThan(1_900);
    expect(dead.receiver.received.length).toBeLessThanOrEqual(8);
  });
});

describe('retries', () => {
  test('wait in a workflow that shows the attempt and the last failure', async () => {
    const shop = await world.endpoint(status(503));
    await world.startWorker({ delayMs: (failed) => (failed === 1 ? 100 : 60_000) });
    await world.startDispatcher();
    const [event] = await insertEvents(world.pool, world.merchant(), ['payment.captured']);
    const handle = world.retryOf(event!.id, shop.id);
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
    const [delivery] = await world.deliveriesOf(shop.id);
    expect(delivery).toMatchObject({ status: 'retrying', attempts: 2, claimed_until: null });
    expect(Date.parse(delivery!.next_attempt_at!) - Date.now()).toBeGreaterThan(50_000);
    await handle.terminate();
  });

  test('until it is taken: one row per try, the same ids and bytes each time', async () => {
    const shop = await world.endpoint(flapping(2));
    await world.startWorker();
    await world.startDispatcher();
    const [event] = await insertEvents(world.pool, world.merchant(), ['payment.captured']);
    const [delivery] = await world.allEnded(shop.id, 1);
    expect(delivery).toMatchObject({ status: 'delivered', attempts: 3 });
    const attempts = await world.attemptsOf(shop.id);
    expect(
      attempts.map(({ attempt, success, response_status }) => [attempt, success, response_status]),
    ).toEqual([
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
    expect(received[0]!.headers['x-payflow-delivery']).toBe(delivery!.id);
    await expect(world.retryOf(event!.id, shop.id).result()).resolves.toEqual({ attempt: 3 });
  });

  test('until none is left: failed, and its workflow too', async () => {
    const shop = await world.endpoint(status(500));
    await world.startWorker({ delayMs: (failed) => (failed < 3 ? 100 : null) });
    await world.startDispatcher();
    const [event] = await insertEvents(world.pool, world.merchant(), ['payment.captured']);
    const [delivery] = await world.allEnded(shop.id, 1);
    expect(delivery).toMatchObject({ status: 'failed', attempts: 3, next_attempt_at: null });
    expect(shop.receiver.received).toHaveLength(3);
    await expect(world.retryOf(event!.id, shop.id).result()).rejects.toThrow();
  });

  test('until the endpoint is switched off', async () => {
    const shop = await world.endpoint(status(500));
    await world.startWorker({ delayMs: () => 1_000 });
    await world.startDispatcher();
    await insertEvents(world.pool, world.merchant(), ['payment.captured']);
    await eventually(() => shop.receiver.received.length > 0);
    await world.pool.query('update webhook_endpoints set is_active = false where id = $1', [shop.id]);
    const [delivery] = await world.allEnded(shop.id, 1);
    expect(delivery!.status).toBe('failed');
    expect(shop.receiver.received).toHaveLength(delivery!.attempts);
  });

  test('410 on a retry switches the endpoint off', async () => {
    const shop = await world.endpoint((response, count) =>
      (count === 1 ? status(500) : answers.gone)(response, count),
    );
    await world.startWorker();
    await world.startDispatcher();
    const [event] = await insertEvents(world.pool, world.merchant(), ['payment.captured']);
    const [delivery] = await world.allEnded(shop.id, 1);
    expect(delivery).toMatchObject({ status: 'failed', attempts: 2 });
    const { rows } = await world.pool.query('select is_active from webhook_endpoints where id = $1', [
      shop.id,
    ]);
    expect(rows[0].is_active).toBe(false);
    await expect(world.retryOf(event!.id, shop.id).result()).rejects.toMatchObject({
      cause: { cause: { type: 'EndpointGone', nonRetryable: true } },
    });
  });

  test('one that comes before its time does not post', async () => {
    const shop = await world.endpoint(status(503));
    await world.startWorker({
      // A workflow without its start delay, as after a completion that Temporal did not hear of.
      startRetry: (retry) => createRetryStarter(world.client, world.queue())({ ...retry, waitMs: 0 }),
      delayMs: () => 60_000,
    });
    await world.startDispatcher();
    const [event] = await insertEvents(world.pool, world.merchant(), ['payment.captured']);
    const handle = world.retryOf(event!.id, shop.id);
    const failure = await eventually(async () => {
      const described = await handle.describe().catch(() => null);
      return described?.raw.pendingActivities?.[0]?.lastFailure;
    });
    expect(failure.message).toMatch(/^the next try is due in (59|60) s$/);
    expect(shop.receiver.received).toHaveLength(1);
    await handle.terminate();
  });

  test('a resend is a workflow and a delivery of its own, of the same event', async () => {
    const shop = await world.endpoint(answers.ok);
    await world.startWorker();
    await world.startDispatcher();
    const [event] = await insertEvents(world.pool, world.merchant(), ['payment.captured']);
    const [first] = await world.allEnded(shop.id, 1);
    const { id: resend } = await world.knex.transaction((trx) =>
      insertResend(trx, { merchantId: world.merchant(), of: first!.id }),
    );
    await world.allEnded(shop.id, 2);
    const [one, two] = shop.receiver.received;
    expect(two!.body).toBe(one!.body);
    expect(two!.headers['webhook-id']).toBe(event!.id);
    expect(two!.headers['x-payflow-delivery']).toBe(resend);
    const handle = world.client.workflow.getHandle(`${event!.id}:${shop.id}:${resend}`);
    await expect(handle.result()).resolves.toEqual({ attempt: 1 });
  });
});

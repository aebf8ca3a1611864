import { claimPending } from '../../db/deliveries.ts';
import { recordAttempts, type Attempt } from '../../db/delivery-attempts.ts';
import { createDeliveries } from '../../db/outbox.ts';
import { registerMerchant, startApi, type TestApi } from '../../testing/api.ts';
import { attemptAt, failed, URL_OF_SHOP } from '../../testing/delivery-tables.ts';
import { insertEvents, insertTestEndpoint } from '../../testing/webhook-rows.ts';

let api: TestApi;
let merchant: Awaited<ReturnType<typeof registerMerchant>>;
beforeAll(async () => {
  api = await startApi();
  merchant = await registerMerchant(api);
  await insertTestEndpoint(api.deps.pool, merchant.merchantId, { url: URL_OF_SHOP });
});
afterAll(() => api.close());

const logs = (query = '') => api.call('GET', `/v1/webhooks/logs${query}`, { auth: merchant.key });

/** One more event for the merchant's endpoint, and the first try to deliver it. */
async function firstTry(change: Partial<Attempt> = {}) {
  const { pool } = api.deps;
  const [event] = await insertEvents(pool, merchant.merchantId, ['payment.captured']);
  await createDeliveries(pool, 10);
  const [delivery] = await claimPending(pool, { limit: 10, perEndpoint: 10, busy: new Map() });
  if (delivery === undefined) throw new Error('nothing to deliver');
  await recordAttempts(pool, { attempts: [attemptAt(delivery, change)], handOver: false });
  return { event: event?.id, delivery };
}

test('nothing was sent yet → nothing', async () => {
  const { status, body, headers } = await logs();
  expect({ status, body, more: headers['payflow-has-more'] }).toEqual({
    status: 200,
    body: [],
    more: 'false',
  });
});

test('one row per try, newest first, with the fields of the first version and where it goes from here', async () => {
  const { event, delivery } = await firstTry(failed(5_000));
  const second = attemptAt({ ...delivery, attempts: 1 });
  await recordAttempts(api.deps.pool, { attempts: [second], handOver: false });
  const { body } = await logs();
  expect(body).toHaveLength(2);
  expect(body[1]).toEqual({
    id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    delivery_id: delivery.id,
    event_id: event,
    event_type: 'payment.captured',
    target_url: URL_OF_SHOP,
    attempt: 1,
    success: false,
    response_status: 503,
    duration_ms: 12,
    next_attempt_at: expect.stringMatching(/Z$/),
    created_at: expect.stringMatching(/Z$/),
  });
  expect(body[0]).toMatchObject({
    delivery_id: delivery.id,
    attempt: 2,
    success: true,
    response_status: 200,
    next_attempt_at: null,
  });
  expect(JSON.stringify(body)).not.toContain('thanks');
});

test('a try that got no answer has no status', async () => {
  await firstTry({ ...failed(), status: null, error: 'timed out' });
  expect((await logs('?limit=1')).body[0]).toMatchObject({ success: false, response_status: null });
});

test('fifty unless asked for otherwise, and the links lead through all of them', async () => {
  for (let made = (await logs('?limit=100')).body.length; made < 52; made += 1) await firstTry();
  expect((await logs()).body).toHaveLength(50);
  const seen = new Set<string>();
  let path: string | undefined = '/v1/webhooks/logs?limit=20';
  while (path !== undefined) {
    const { body, headers } = await api.call('GET', path, { auth: merchant.key });
    for (const row of body) seen.add(String(row['id']));
    path = /^<(.*)>; rel="next"$/.exec(String(headers['link']))?.[1];
    expect(headers['payflow-has-more']).toBe(String(path !== undefined));
  }
  expect(seen.size).toBe(52);
});

test("another merchant's tries are not there, and are no cursor either", async () => {
  const stranger = await registerMerchant(api);
  const row = (await logs('?limit=1')).body[0];
  const { body } = await api.call('GET', '/v1/webhooks/logs', { auth: stranger.key });
  expect(body).toEqual([]);
  for (const cursor of [String(row?.['id']), '00000000-0000-4000-8000-000000000000']) {
    const answer = await api.call('GET', `/v1/webhooks/logs?starting_after=${cursor}`, {
      auth: stranger.key,
    });
    expect(answer.status).toBe(400);
    expect(answer.body['error']).toMatchObject({ reason: 'invalid_cursor', field: 'starting_after' });
  }
});

test.each(['limit=0', 'limit=101', 'starting_after=x', 'status=failed'])('%s → 422', async (query) => {
  expect((await logs(`?${query}`)).status).toBe(422);
});

test('nobody without a key', async () => {
  expect((await api.call('GET', '/v1/webhooks/logs')).status).toBe(401);
});

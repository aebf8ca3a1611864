import { createHmac } from 'node:crypto';
import { SAMPLES_PER_MINUTE_MAX } from '../../db/webhook-samples.ts';
import { createTemporalClient } from '../../temporal/client.ts';
import { createSampleStarter } from '../../temporal/webhooks.ts';
import { limitedKey, refusalText, registerMerchant, startApi, type TestApi } from '../../testing/api.ts';
import { answers, flapping, redirect, status as answer } from '../../testing/receiver.ts';
import { insertTestEndpoint } from '../../testing/webhook-rows.ts';
import { createWebhookWorld, SIGNING_SECRET, type WebhookWorld } from '../../testing/webhook-world.ts';
import { webhookSecret } from '../../webhooks/sign.ts';

let world: WebhookWorld;
let api: TestApi;
let merchant: Awaited<ReturnType<typeof registerMerchant>>;

const NOBODY = '00000000-0000-4000-8000-000000000000';

beforeAll(async () => {
  world = await createWebhookWorld();
  api = await startApi({
    database: { url: world.databaseUrl, drop: () => Promise.resolve() },
    webhookSecretOf: ({ id, secretVersion }) => webhookSecret(SIGNING_SECRET, id, secretVersion),
    startSample: (sample) => createSampleStarter(world.client, world.queue())(sample),
  });
});
beforeEach(async () => {
  await world.reset();
  merchant = await registerMerchant(api);
});
afterEach(() => world.tidy());
afterAll(async () => {
  await api.close();
  await world.close();
});

async function endpointAt(url: string) {
  const body = { url, events: ['order.paid', 'payment.failed'] };
  const made = await api.call('POST', '/v1/webhooks', { auth: merchant.key, body });
  return { id: String(made.body['id']), secret: String(made.body['secret']) };
}
const pathOf = (id: string) => `/v1/webhooks/${id}/test`;
const send = (id: string, { body = {}, key }: { body?: object; key?: string } = {}) =>
  api.call('POST', pathOf(id), {
    auth: merchant.key,
    body,
    headers: key === undefined ? {} : { 'idempotency-key': key },
  });

test('a sample arrives, signed with the secret of the endpoint, and the answer says so', async () => {
  await world.startWorker();
  const receiver = await world.receiver(answers.ok);
  const { id, secret } = await endpointAt(receiver.url);
  const { status, body } = await send(id);
  expect({ status, body }).toEqual({
    status: 200,
    body: {
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      webhook_id: id,
      event_type: 'order.paid',
      target_url: receiver.url,
      success: true,
      response_status: 200,
      response_body: '{"received":true}',
      error: null,
      duration_ms: expect.any(Number),
      created_at: expect.stringMatching(/Z$/),
    },
  });
  expect(receiver.received).toHaveLength(1);
  const { headers, body: sent } = receiver.received[0]!;
  const signed = createHmac('sha256', secret).update(sent).digest('hex');
  expect(headers).toMatchObject({
    'x-payflow-signature': signed,
    'x-payflow-event': 'order.paid',
    'x-payflow-delivery': body['id'],
    'webhook-id': `evt_test_${String(body['id']).replaceAll('-', '')}`,
  });
  expect(JSON.parse(sent)).toMatchObject({
    event: 'order.paid',
    sequence: 0,
    created_at: body['created_at'],
  });
});

test('it is no event and no delivery', async () => {
  await world.startWorker();
  const receiver = await world.receiver(answers.ok);
  const { id } = await endpointAt(receiver.url);
  await send(id);
  for (const path of ['/v1/events', '/v1/webhooks/logs']) {
    expect((await api.call('GET', path, { auth: merchant.key })).body).toEqual([]);
  }
});

test('another kind of event may be asked for, a kind that nobody is told of may not', async () => {
  await world.startWorker();
  const receiver = await world.receiver(answers.ok);
  const { id } = await endpointAt(receiver.url);
  expect((await send(id, { body: { event: 'refund.failed' } })).body['event_type']).toBe('refund.failed');
  expect(receiver.received[0]?.headers['x-payflow-event']).toBe('refund.failed');
  for (const [body, field] of [
    [{ event: 'payment.submitted' }, 'event'],
    [{ url: 'https://8.8.8.8/' }, 'url'],
  ] as const) {
    const refused = await send(id, { body });
    expect([refused.status, refused.body['error']?.['field']]).toEqual([422, field]);
  }
  expect(receiver.received).toHaveLength(1);
});

test('what is no success is told as it is, and nothing comes of it', async () => {
  await world.startWorker();
  const elsewhere = await world.receiver(answers.ok);
  const told = async (url: string) => {
    const { id } = await endpointAt(url);
    const { status, body } = await send(id);
    expect([status, body['success']]).toEqual([200, false]);
    const endpoint = await api.call('GET', `/v1/webhooks/${id}`, { auth: merchant.key });
    expect(endpoint.body['active']).toBe(true);
    return body;
  };
  const failing = await world.receiver(flapping(1));
  expect(await told(failing.url)).toMatchObject({
    response_status: 503,
    response_body: 'answer 503',
    error: 'HTTP 503',
  });
  // Tried once: the second try would have been taken.
  expect(failing.received).toHaveLength(1);
  const gone = await world.receiver(answers.gone);
  expect(await told(gone.url)).toMatchObject({ response_status: 410 });
  const moved = await world.receiver(redirect(elsewhere.url));
  expect(await told(moved.url)).toMatchObject({ response_status: 302 });
  expect(elsewhere.received).toHaveLength(0);
  const silent = await world.receiver(answers.silent);
  expect(await told(silent.url)).toMatchObject({
    response_status: null,
    response_body: null,
    error: 'no answer within 2 s',
  });
});

test('hole 14: never to a private address, whatever stands in the row', async () => {
  await world.startWorker();
  for (const url of ['http://10.0.0.1/', 'http://169.254.169.254/latest/meta-data/']) {
    const id = await insertTestEndpoint(world.pool, merchant.merchantId, { url });
    expect((await send(id)).body).toMatchObject({
      success: false,
      response_status: null,
      error: expect.stringContaining('public address'),
    });
  }
});

test('an endpoint that is switched off may be tried before it is switched on', async () => {
  await world.startWorker();
  const receiver = await world.receiver(answer(204));
  const id = await insertTestEndpoint(world.pool, merchant.merchantId, {
    url: receiver.url,
    active: false,
  });
  expect((await send(id)).body).toMatchObject({ success: true, response_status: 204 });
});

test('twins with one key are one sample, and another body is refused', async () => {
  await world.startWorker();
  const receiver = await world.receiver(answers.ok);
  const { id } = await endpointAt(receiver.url);
  const told = await Promise.all(Array.from({ length: 5 }, () => send(id, { key: 'k' })));
  expect(told.map(({ status }) => status)).toEqual(Array(5).fill(200));
  expect(new Set(told.map(({ body }) => JSON.stringify(body))).size).toBe(1);
  expect(told.filter(({ headers }) => headers['idempotent-replayed'] === 'true')).toHaveLength(4);
  expect(receiver.received).toHaveLength(1);
  const other = await send(id, { key: 'k', body: { event: 'refund.failed' } });
  expect([other.status, other.body['error']?.['reason']]).toEqual([422, 'idempotency_key_reused']);
});

test('202 while nobody has posted it; the same key tells what came of it later', async () => {
  const receiver = await world.receiver(answers.ok);
  const { id } = await endpointAt(receiver.url);
  const first = await send(id, { key: 'later' });
  expect(first.status).toBe(202);
  expect(first.body).toMatchObject({ webhook_id: id, event_type: 'order.paid', success: null });
  expect(receiver.received).toHaveLength(0);
  await world.startWorker();
  const second = await send(id, { key: 'later' });
  expect(second.status).toBe(200);
  expect(second.body).toMatchObject({ id: first.body['id'], success: true });
  expect(receiver.received).toHaveLength(1);
});

test('while the engine is away: 503, and a repeat with the same key sends it', async () => {
  const away = createTemporalClient({
    address: '127.0.0.1:1',
    namespace: 'default',
    apiKey: undefined,
    tls: false,
  });
  const lonely = await startApi({
    database: { url: world.databaseUrl, drop: () => Promise.resolve() },
    startSample: createSampleStarter(away),
  });
  try {
    const receiver = await world.receiver(answers.ok);
    const { id } = await endpointAt(receiver.url);
    const request = { auth: merchant.key, headers: { 'idempotency-key': 'away' } };
    const refused = await lonely.call('POST', pathOf(id), request);
    expect([refused.status, refused.body['error']?.['reason']]).toEqual([503, 'unavailable']);
    expect(refused.headers['retry-after']).toBeDefined();
    await world.startWorker();
    expect((await send(id, { key: 'away' })).body).toMatchObject({ success: true });
    expect(receiver.received).toHaveLength(1);
  } finally {
    await lonely.close();
    await away.connection.close();
  }
});

test('a merchant may send so many a minute, whatever his endpoints', async () => {
  await world.startWorker();
  const receiver = await world.receiver(answers.ok);
  const [one, other] = [await endpointAt(receiver.url), await endpointAt(receiver.url)];
  for (let sent = 0; sent < SAMPLES_PER_MINUTE_MAX; sent++) {
    expect((await send(sent % 2 === 0 ? one.id : other.id)).status).toBe(200);
  }
  const { status, headers, body } = await send(one.id);
  expect([status, body['error']?.['reason']]).toEqual([429, 'too_many_requests']);
  expect(headers['retry-after']).toBe('60');
  expect(receiver.received).toHaveLength(SAMPLES_PER_MINUTE_MAX);
});

test('a foreign endpoint, an unknown one and an impossible one are the same 404; reading is not enough', async () => {
  const receiver = await world.receiver(answers.ok);
  const { id } = await endpointAt(receiver.url);
  const stranger = await registerMerchant(api);
  const refusals = new Set<string>();
  for (const other of [id, NOBODY, 'x', '%00']) {
    refusals.add(refusalText(await api.call('POST', pathOf(other), { auth: stranger.key })));
  }
  expect(refusals.size).toBe(1);
  expect(JSON.parse([...refusals][0]!)).toMatchObject({ status: 404, reason: 'webhook_not_found' });
  const reader = await limitedKey(api, merchant, ['read']);
  expect((await api.call('POST', pathOf(id), { auth: reader })).status).toBe(403);
  expect((await api.call('POST', pathOf(id))).status).toBe(401);
  const { rows } = await world.pool.query('select 1 from webhook_samples where endpoint_id = $1', [id]);
  expect(rows).toEqual([]);
});

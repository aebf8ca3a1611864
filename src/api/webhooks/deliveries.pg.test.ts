import { claimPending } from '../../db/deliveries.ts';
import { recordAttempts } from '../../db/delivery-attempts.ts';
import { createDeliveries } from '../../db/outbox.ts';
import { limitedKey, refusalText, registerMerchant, startApi, type TestApi } from '../../testing/api.ts';
import { attemptAt, URL_OF_SHOP } from '../../testing/delivery-tables.ts';
import { insertEvents, insertTestEndpoint } from '../../testing/webhook-rows.ts';

let api: TestApi;
let merchant: Awaited<ReturnType<typeof registerMerchant>>;
let endpoint: string;

beforeAll(async () => {
  api = await startApi();
});
beforeEach(async () => {
  merchant = await registerMerchant(api);
  endpoint = await insertTestEndpoint(api.deps.pool, merchant.merchantId, { url: URL_OF_SHOP });
});
afterAll(() => api.close());

/** One event that has been delivered. */
async function delivered() {
  const { pool } = api.deps;
  const [event] = await insertEvents(pool, merchant.merchantId, ['payment.captured']);
  await createDeliveries(pool, 10);
  const [delivery] = await claimPending(pool, { limit: 10, perEndpoint: 10, busy: new Map() });
  if (event === undefined || delivery === undefined) throw new Error('nothing to deliver');
  await recordAttempts(pool, { attempts: [attemptAt(delivery)], handOver: false });
  return { event, delivery };
}

const pathOf = (id: string) => `/v1/webhooks/deliveries/${id}/resend`;
const resend = (id: string, { auth = merchant.key, headers = {} } = {}) =>
  api.call('POST', pathOf(id), { auth, headers });
async function deliveries() {
  const { rows } = await api.deps.pool.query<{ id: string; is_resend: boolean; status: string }>(
    'select id, is_resend, status from deliveries where merchant_id = $1 order by created_at',
    [merchant.merchantId],
  );
  return rows;
}

test('a new delivery of the same event to the same endpoint, under way from the start', async () => {
  const { event, delivery } = await delivered();
  const { status, body } = await resend(delivery.id);
  expect(status).toBe(201);
  expect(body).toEqual({
    delivery_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    event_id: event.id,
    event_type: 'payment.captured',
    webhook_id: endpoint,
    target_url: URL_OF_SHOP,
    created_at: expect.stringMatching(/Z$/),
  });
  expect(await deliveries()).toEqual([
    { id: delivery.id, is_resend: false, status: 'delivered' },
    { id: body['delivery_id'], is_resend: true, status: 'retrying' },
  ]);
});

test('the id of a row of the log does as well', async () => {
  const { event, delivery } = await delivered();
  const log = await api.call('GET', '/v1/webhooks/logs', { auth: merchant.key });
  const { status, body } = await resend(String(log.body[0]?.['id']));
  expect([status, body['event_id']]).toEqual([201, event.id]);
  expect(body['delivery_id']).not.toBe(delivery.id);
});

test('it goes to where the endpoint is now; a switched off one gets nothing', async () => {
  const { delivery } = await delivered();
  const change = (body: object) =>
    api.call('PATCH', `/v1/webhooks/${endpoint}`, { auth: merchant.key, body });
  await change({ url: 'https://8.8.8.8/moved' });
  expect((await resend(delivery.id)).body['target_url']).toBe('https://8.8.8.8/moved');
  await change({ active: false });
  const { status, body } = await resend(delivery.id);
  expect([status, body['error']?.['reason']]).toEqual([400, 'webhook_inactive']);
  expect(await deliveries()).toHaveLength(2);
});

test('a repeat with the same key sends once, twins too', async () => {
  const { delivery } = await delivered();
  const headers = { 'idempotency-key': 'again' };
  const answers = await Promise.all(Array.from({ length: 5 }, () => resend(delivery.id, { headers })));
  expect(answers.map(({ status }) => status)).toEqual(Array(5).fill(201));
  expect(new Set(answers.map(({ body }) => body['delivery_id'])).size).toBe(1);
  expect(answers.filter((answer) => answer.headers['idempotent-replayed'] === 'true')).toHaveLength(4);
  expect(await deliveries()).toHaveLength(2);
});

test('a foreign delivery, an unknown one and an impossible one are the same 404', async () => {
  const { delivery } = await delivered();
  const log = await api.call('GET', '/v1/webhooks/logs', { auth: merchant.key });
  const { key: auth } = await registerMerchant(api);
  const answers = new Set<string>();
  for (const id of [delivery.id, String(log.body[0]?.['id']), endpoint, 'x', '%00']) {
    answers.add(refusalText(await resend(id, { auth })));
  }
  expect(answers.size).toBe(1);
  expect(JSON.parse([...answers][0]!)).toMatchObject({ status: 404, reason: 'delivery_not_found' });
  expect(await deliveries()).toHaveLength(1);
});

test('not with a key that may only read, not without one', async () => {
  const { delivery } = await delivered();
  const auth = await limitedKey(api, merchant, ['read']);
  expect((await resend(delivery.id, { auth })).status).toBe(403);
  expect((await api.call('POST', pathOf(delivery.id))).status).toBe(401);
  expect(await deliveries()).toHaveLength(1);
});

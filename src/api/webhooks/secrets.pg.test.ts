import {
  limitedKey,
  refusalText,
  registerMerchant,
  startApi,
  type Answered,
  type TestApi,
} from '../../testing/api.ts';

let api: TestApi;
let merchant: Awaited<ReturnType<typeof registerMerchant>>;
let stranger: Awaited<ReturnType<typeof registerMerchant>>;
let endpoint: Answered['body'];

const SECRET = /^whsec_[A-Za-z0-9+/]{43}=$/;
const PRIMARY = '/merchants/me/webhook-secret';

beforeAll(async () => {
  api = await startApi();
  stranger = await registerMerchant(api);
});
beforeEach(async () => {
  merchant = await registerMerchant(api);
  endpoint = await create(merchant.key);
});
afterAll(() => api.close());

async function create(auth: typeof merchant.key) {
  const body = { url: 'https://8.8.8.8/hook', events: ['order.paid'] };
  return (await api.call('POST', '/v1/webhooks', { auth, body })).body;
}
const pathOf = (of = endpoint) => `/v1/webhooks/${String(of['id'])}/secret`;
const show = (path = pathOf()) => api.call('GET', path, { auth: merchant.key });
const rotate = (body?: object, headers: Record<string, string> = {}) =>
  api.call('POST', `${pathOf()}/rotate`, {
    auth: merchant.key,
    headers,
    ...(body === undefined ? {} : { body }),
  });
const hoursUntil = (time: unknown) => (Date.parse(String(time)) - Date.now()) / 3_600_000;

test('hole 3: every endpoint of every merchant has a secret of its own, and it can be asked for', async () => {
  const second = await create(merchant.key);
  const foreign = await create(stranger.key);
  const primary = await api.call('GET', PRIMARY, { auth: merchant.token });
  const secrets = [
    endpoint['secret'],
    second['secret'],
    foreign['secret'],
    primary.body['webhook_secret'],
    stranger.webhookSecret,
  ];
  for (const secret of secrets) expect(secret).toMatch(SECRET);
  expect(new Set(secrets).size).toBe(5);
  const { status, body } = await show();
  expect({ status, body }).toEqual({
    status: 200,
    body: { secret: endpoint['secret'], overlap_until: null },
  });
});

test('a rotation makes a new secret, and says until when the one before signs', async () => {
  const { status, body } = await rotate({ overlap_hours: 2 });
  expect(status).toBe(200);
  expect(body['secret']).toMatch(SECRET);
  expect(body['secret']).not.toBe(endpoint['secret']);
  expect(hoursUntil(body['overlap_until'])).toBeCloseTo(2, 1);
  expect((await show()).body).toEqual(body);
});

test('without a body the overlap is a day', async () => {
  expect(hoursUntil((await rotate()).body['overlap_until'])).toBeCloseTo(24, 1);
});

test('overlap_hours 0 switches at once, also in the middle of an overlap', async () => {
  const first = await rotate({ overlap_hours: 1 });
  const second = await rotate({ overlap_hours: 0 });
  expect(second.body).toEqual({ secret: expect.stringMatching(SECRET), overlap_until: null });
  expect(second.body['secret']).not.toBe(first.body['secret']);
  expect((await show()).body).toEqual(second.body);
});

test('a second overlap does not cut off a secret that still signs', async () => {
  const first = await rotate({ overlap_hours: 1 });
  const { status, body } = await rotate({ overlap_hours: 1 });
  expect([status, body['error']?.['reason'], body['error']?.['field']]).toEqual([
    400,
    'rotation_in_progress',
    'overlap_hours',
  ]);
  expect((await show()).body).toEqual(first.body);
});

test('an overlap that is over is not shown', async () => {
  const { body } = await rotate({ overlap_hours: 1 });
  await api.deps.pool.query('update webhook_endpoints set overlap_until = now() where id = $1', [
    endpoint['id'],
  ]);
  expect((await show()).body).toEqual({ secret: body['secret'], overlap_until: null });
});

test.each([-1, 169, 1.5, '24', null])('overlap_hours %j → 422 that names it', async (hours) => {
  for (const [path, auth] of [
    [`${pathOf()}/rotate`, merchant.key],
    [`${PRIMARY}/rotate`, merchant.token],
  ] as const) {
    const { status, body } = await api.call('POST', path, { auth, body: { overlap_hours: hours } });
    expect([status, body['error']?.['field']]).toEqual([422, 'overlap_hours']);
  }
  expect((await show()).body['secret']).toBe(endpoint['secret']);
});

test('a repeat with the same key rotates once; the secret is not kept for it', async () => {
  const headers = { 'idempotency-key': 'once' };
  const first = await rotate({ overlap_hours: 1 }, headers);
  const second = await rotate({ overlap_hours: 1 }, headers);
  expect(second.headers['idempotent-replayed']).toBe('true');
  expect(second.body).toEqual(Object.assign({}, first.body, { secret: null }));
  expect((await show()).body).toEqual(first.body);
  const { rows } = await api.deps.pool.query('select body from idempotency_keys');
  expect(JSON.stringify(rows)).not.toContain('whsec_');
});

test('a foreign endpoint, a deleted one, an unknown one and an impossible one are the same 404', async () => {
  const foreign = await create(stranger.key);
  const deleted = await create(merchant.key);
  await api.call('DELETE', `/v1/webhooks/${String(deleted['id'])}`, { auth: merchant.key });
  const ids = [foreign['id'], deleted['id'], '00000000-0000-4000-8000-000000000000', 'x', '%00'];
  for (const [method, end] of [
    ['GET', ''],
    ['POST', '/rotate'],
  ] as const) {
    const answers = new Set<string>();
    for (const id of ids) {
      const path = `/v1/webhooks/${String(id)}/secret${end}`;
      answers.add(refusalText(await api.call(method, path, { auth: merchant.key })));
    }
    expect(answers.size).toBe(1);
    expect(JSON.parse([...answers][0]!)).toMatchObject({ status: 404, reason: 'webhook_not_found' });
  }
  const unchanged = await api.call('GET', pathOf(foreign), { auth: stranger.key });
  expect(unchanged.body['secret']).toBe(foreign['secret']);
});

test('a key that may only read learns no secret and rotates none', async () => {
  const auth = await limitedKey(api, merchant, ['read', 'refund']);
  expect((await api.call('GET', pathOf(), { auth })).status).toBe(403);
  expect((await api.call('POST', `${pathOf()}/rotate`, { auth })).status).toBe(403);
  expect((await api.call('GET', pathOf())).status).toBe(401);
  expect((await show()).body['secret']).toBe(endpoint['secret']);
});

describe('the secret of the profile', () => {
  const rotatePrimary = (body?: object, headers: Record<string, string> = {}) =>
    api.call('POST', `${PRIMARY}/rotate`, {
      auth: merchant.token,
      headers,
      ...(body === undefined ? {} : { body }),
    });
  const shown = async () => (await api.call('GET', PRIMARY, { auth: merchant.token })).body['webhook_secret'];

  test('is rotated by the same rules, and no other with it', async () => {
    const { status, body } = await rotatePrimary();
    expect(status).toBe(200);
    expect(body['webhook_secret']).toMatch(SECRET);
    expect(body['webhook_secret']).not.toBe(merchant.webhookSecret);
    expect(hoursUntil(body['overlap_until'])).toBeCloseTo(24, 1);
    expect(await shown()).toBe(body['webhook_secret']);
    const again = await rotatePrimary({ overlap_hours: 1 });
    expect([again.status, again.body['error']?.['reason']]).toEqual([400, 'rotation_in_progress']);
    const atOnce = await rotatePrimary({ overlap_hours: 0 });
    expect(atOnce.body['overlap_until']).toBeNull();
    expect(await shown()).toBe(atOnce.body['webhook_secret']);
    expect((await show()).body['secret']).toBe(endpoint['secret']);
  });

  test('a repeat with the same key rotates once', async () => {
    const headers = { 'idempotency-key': 'primary' };
    const first = await rotatePrimary({}, headers);
    const second = await rotatePrimary({}, headers);
    expect(second.body).toEqual(Object.assign({}, first.body, { webhook_secret: null }));
    expect(await shown()).toBe(first.body['webhook_secret']);
  });

  test('needs its merchant, signed in', async () => {
    expect((await api.call('POST', `${PRIMARY}/rotate`)).status).toBe(401);
    expect((await api.call('POST', `${PRIMARY}/rotate`, { auth: merchant.key })).status).toBe(401);
    expect(await shown()).toBe(merchant.webhookSecret);
  });
});

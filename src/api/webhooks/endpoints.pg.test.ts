import { ENDPOINTS_PER_MERCHANT_MAX } from '../../db/webhook-endpoints.ts';
import { DEFAULT_SUBSCRIPTION } from '../../domain/events.ts';
import {
  limitedKey,
  refusalText,
  registerMerchant,
  startApi,
  type Answered,
  type TestApi,
} from '../../testing/api.ts';
import { insertTestEndpoint } from '../../testing/webhook-rows.ts';
import { checkTarget } from '../../webhooks/target.ts';

let api: TestApi;
let merchant: Awaited<ReturnType<typeof registerMerchant>>;
let stranger: Awaited<ReturnType<typeof registerMerchant>>;

const PATH = '/v1/webhooks';
const NOBODY = '00000000-0000-4000-8000-000000000000';
const BODY = { url: 'https://8.8.8.8/hook', events: ['payment.captured', 'refund.failed'] };

beforeAll(async () => {
  api = await startApi();
  stranger = await registerMerchant(api);
});
beforeEach(async () => {
  merchant = await registerMerchant(api);
});
afterAll(() => api.close());

const call = (method: string, path: string, body?: object, auth = merchant.key) =>
  api.call(method, path, { auth, ...(body === undefined ? {} : { body }) });
const create = async (body: object = BODY) => (await call('POST', PATH, body)).body;
const one = (endpoint: { readonly [name: string]: unknown }) => `${PATH}/${String(endpoint['id'])}`;

test('a new endpoint is there with a secret that only its creation shows', async () => {
  const { status, body } = await call('POST', PATH, BODY);
  expect(status).toBe(201);
  expect(body).toEqual({
    id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    ...BODY,
    active: true,
    disabled_reason: null,
    primary: false,
    secret: expect.stringMatching(/^whsec_[A-Za-z0-9+/]{43}=$/),
    created_at: expect.stringMatching(/Z$/),
  });
  const { secret: _secret, ...shown } = body;
  expect((await call('GET', one(body))).body).toEqual(shown);
  expect((await call('GET', PATH)).body).toEqual([shown]);
});

test('the webhook_url of the profile is in the list, with the four events of the guide', async () => {
  await api.call('PATCH', '/merchants/me', {
    auth: merchant.token,
    body: { webhook_url: 'https://8.8.4.4/guide' },
  });
  const second = await create();
  const { body } = await call('GET', PATH);
  expect(body.map((each) => each['id'])).toEqual([expect.any(String), second['id']]);
  expect(body[0]).toMatchObject({
    url: 'https://8.8.4.4/guide',
    events: [...DEFAULT_SUBSCRIPTION],
    primary: true,
  });
  const changed = await call('PATCH', one(body[0]!), { events: ['order.expired'] });
  expect(changed.body).toMatchObject({ primary: true, events: ['order.expired'] });
});

test('changes what is given and nothing else', async () => {
  const { secret: _secret, ...before } = await create();
  for (const change of [
    { url: 'https://1.1.1.1/other' },
    { events: ['order.paid'] },
    { active: false },
    { active: true },
    {},
  ]) {
    const was = (await call('GET', one(before))).body;
    const { status, body } = await call('PATCH', one(before), change);
    expect({ status, body }).toEqual({ status: 200, body: Object.assign({}, was, change) });
    expect((await call('GET', one(before))).body).toEqual(body);
  }
});

test('says why it was switched off, and is switched on again by hand', async () => {
  const made = await create();
  await api.deps.pool.query(
    `update webhook_endpoints set is_active = false, disabled_reason = 'gone' where id = $1`,
    [made['id']],
  );
  const off = await call('PATCH', one(made), { url: 'https://1.1.1.1/' });
  expect(off.body).toMatchObject({ active: false, disabled_reason: 'gone' });
  const on = await call('PATCH', one(made), { active: true });
  expect(on.body).toMatchObject({ active: true, disabled_reason: null });
});

test('deleted: 204, again 204, and it is nowhere any more', async () => {
  const made = await create();
  for (let time = 0; time < 2; time++) {
    const { status, body } = await call('DELETE', one(made));
    expect([status, body]).toEqual([204, '']);
  }
  expect((await call('GET', PATH)).body).toEqual([]);
  expect((await call('GET', one(made))).status).toBe(404);
  expect((await call('PATCH', one(made), { active: true })).status).toBe(404);
});

test('deleting the webhook_url of the profile empties it', async () => {
  const me = () => api.call('GET', '/merchants/me', { auth: merchant.token });
  const body = { webhook_url: 'https://8.8.4.4/guide' };
  await api.call('PATCH', '/merchants/me', { auth: merchant.token, body });
  const [primary] = (await call('GET', PATH)).body;
  expect((await call('DELETE', one(primary!))).status).toBe(204);
  expect((await me()).body['webhook_url']).toBeNull();
  await api.call('PATCH', '/merchants/me', { auth: merchant.token, body });
  expect((await call('GET', PATH)).body).toMatchObject([{ id: primary!['id'], active: true }]);
});

test('there is a most', async () => {
  for (let made = 0; made < ENDPOINTS_PER_MERCHANT_MAX; made++) {
    await insertTestEndpoint(api.deps.pool, merchant.merchantId, { url: BODY.url });
  }
  const { status, body } = await call('POST', PATH, BODY);
  expect([status, body['error']?.['reason']]).toEqual([400, 'too_many_webhooks']);
});

test('a foreign endpoint, an unknown one and an impossible one are the same 404', async () => {
  const foreign = (await call('POST', PATH, BODY, stranger.key)).body;
  const before = (await call('GET', one(foreign), undefined, stranger.key)).body;
  const ids = [String(foreign['id']), NOBODY, 'x', '%00', "'", '..%2f..'];
  for (const [method, change] of [['GET'], ['PATCH', { active: false }], ['DELETE']] as const) {
    const answers = [];
    for (const id of ids) answers.push(refusalText(await call(method, `${PATH}/${id}`, change)));
    expect(new Set(answers).size).toBe(1);
    expect(JSON.parse(answers[0]!)).toMatchObject({ status: 404, reason: 'webhook_not_found' });
  }
  expect((await call('GET', one(foreign), undefined, stranger.key)).body).toEqual(before);
});

test('a key that may only read reads', async () => {
  const made = await create();
  const reader = await limitedKey(api, merchant, ['read']);
  expect((await call('GET', PATH, undefined, reader)).status).toBe(200);
  expect((await call('GET', one(made), undefined, reader)).status).toBe(200);
  for (const [method, path, body] of [
    ['POST', PATH, BODY],
    ['PATCH', one(made), { active: false }],
    ['DELETE', one(made), undefined],
  ] as const) {
    const answer = await call(method, path, body, reader);
    expect([answer.status, answer.body['error']?.['reason']]).toEqual([403, 'insufficient_scope']);
  }
  expect((await call('GET', PATH)).body).toMatchObject([{ id: made['id'], active: true }]);
});

test('nobody without a key', async () => {
  for (const [method, path] of [
    ['POST', PATH],
    ['GET', PATH],
    ['GET', `${PATH}/${NOBODY}`],
    ['PATCH', `${PATH}/${NOBODY}`],
    ['DELETE', `${PATH}/${NOBODY}`],
  ] as const) {
    expect((await api.call(method, path)).status).toBe(401);
  }
});

test.each([
  [{ events: BODY.events }, 'url'],
  [{ url: BODY.url }, 'events'],
  [{ ...BODY, url: 'ftp://8.8.8.8/' }, 'url'],
  [{ ...BODY, url: `https://8.8.8.8/${'x'.repeat(2_048)}` }, 'url'],
  [{ ...BODY, url: null }, 'url'],
  [{ ...BODY, events: [] }, 'events'],
  [{ ...BODY, events: ['payment.submitted'] }, 'events.0'],
  [{ ...BODY, events: ['order.paid', '*'] }, 'events.1'],
  [{ ...BODY, events: ['order.paid', 'order.paid'] }, 'events'],
  [{ ...BODY, secret: 'mine' }, 'secret'],
  [{ ...BODY, active: 'yes' }, 'active'],
])('POST %j → 422 that names %s', async (body, field) => {
  const { status, body: answer } = await call('POST', PATH, body);
  expect([status, answer['error']?.['field']]).toEqual([422, field]);
  expect((await call('GET', PATH)).body).toEqual([]);
});

test.each([
  [{ url: 'mailto:a@b.cc' }, 'url'],
  [{ events: ['payment.submitted'] }, 'events.0'],
  [{ active: 1 }, 'active'],
  [{ primary: true }, 'primary'],
])('PATCH %j → 422 that names %s', async (body, field) => {
  const made = await create();
  const { status, body: answer } = await call('PATCH', one(made), body);
  expect([status, answer['error']?.['field']]).toEqual([422, field]);
});

describe('hole 14: where webhooks may lead', () => {
  const HOSTILE = ['http://10.0.0.1/', 'https://169.254.169.254/latest/meta-data/', 'https://[fd00::1]/'];
  const told = ({ status, body }: Answered) => [status, body['error']?.['reason'], body['error']?.['field']];

  test.each(HOSTILE)('%s is refused at creation and at a change', async (url) => {
    const refusal = [400, 'invalid_webhook_url', 'url'];
    expect(told(await call('POST', PATH, { ...BODY, url }))).toEqual(refusal);
    const made = await create();
    expect(told(await call('PATCH', one(made), { url }))).toEqual(refusal);
    expect((await call('GET', PATH)).body).toMatchObject([{ url: BODY.url }]);
  });

  test('in development loopback and http are allowed, in production they are not', async () => {
    const url = 'http://127.0.0.1:9/hook';
    expect((await call('POST', PATH, { ...BODY, url })).status).toBe(201);
    const strict = await startApi({
      database: api.database,
      checkWebhookTarget: (target, field) => checkTarget(target, { allowPrivate: false, field }),
    });
    try {
      for (const refused of [url, 'http://8.8.8.8/', 'https://127.0.0.1/']) {
        const body = { ...BODY, url: refused };
        const answer = await strict.call('POST', PATH, { auth: merchant.key, body });
        expect(told(answer)).toEqual([400, 'invalid_webhook_url', 'url']);
      }
    } finally {
      await strict.close();
    }
  });
});

describe('Idempotency-Key of a creation', () => {
  const keyed = (key: string, body: object = BODY) =>
    api.call('POST', PATH, { auth: merchant.key, body, headers: { 'idempotency-key': key } });

  test('twins make one endpoint, and one of them learns the secret', async () => {
    const answers = await Promise.all(Array.from({ length: 5 }, () => keyed('twins')));
    expect(answers.map(({ status }) => status)).toEqual(Array(5).fill(201));
    expect(new Set(answers.map(({ body }) => body['id'])).size).toBe(1);
    expect(answers.filter(({ body }) => body['secret'] !== null)).toHaveLength(1);
    expect((await call('GET', PATH)).body).toHaveLength(1);
  });

  test('a repeat gets the same answer but for the secret, another body is refused', async () => {
    const first = await keyed('k');
    const second = await keyed('k');
    expect(second.body).toEqual(Object.assign({}, first.body, { secret: null }));
    expect(second.headers['idempotent-replayed']).toBe('true');
    const other = await keyed('k', { ...BODY, events: ['order.paid'] });
    expect([other.status, other.body['error']?.['reason']]).toEqual([422, 'idempotency_key_reused']);
    const { rows } = await api.deps.pool.query('select body from idempotency_keys');
    expect(JSON.stringify(rows)).not.toContain('whsec_');
  });
});

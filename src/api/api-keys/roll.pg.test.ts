import { setTimeout as sleep } from 'node:timers/promises';
import { setMerchantActive } from '../../db/merchants.ts';
import { registerMerchant, signUp, startApi, type TestApi } from '../../testing/api.ts';
import type { Credentials } from '../middleware/key-secrets.ts';

const REFUSED_MS_MAX = 1_000;
const HOUR_MS = 60 * 60 * 1_000;
const PATH = '/merchants/me/keys';

/** Two processes on one database. */
let api: TestApi;
let other: TestApi;
let later = 0;
const clock = () => Date.now() + later;

beforeAll(async () => {
  api = await startApi({ clock });
  other = await startApi({ clock, database: api.database });
});
afterEach(() => {
  later = 0;
});
afterAll(async () => {
  await other.close();
  await api.close();
});

const roll = (auth: string, keyId: string, body?: object, headers: Record<string, string> = {}) =>
  api.call('POST', `${PATH}/${keyId}/roll`, { auth, headers, ...(body === undefined ? {} : { body }) });
const statusOf = async (process: TestApi, auth: Credentials) =>
  (await process.call('GET', '/v1/orders', { auth })).status;
const statuses = async (auth: Credentials) => [await statusOf(api, auth), await statusOf(other, auth)];
const keyOf = (body: { readonly [name: string]: unknown }): Credentials => ({
  keyId: String(body['key_id']),
  secret: String(body['key_secret']),
});
const keysOf = async (auth: string) => (await api.call('GET', PATH, { auth })).body;

async function newKey(auth: string, body: object) {
  return (await api.call('POST', PATH, { auth, body })).body;
}

test('the new key has the label, the scopes and the expiry of the old one, and a secret of its own', async () => {
  const { token: auth } = await registerMerchant(api);
  const wanted = { label: 'Shop', scopes: ['read', 'refund'], expires_at: '2099-01-01T00:00:00.000Z' };
  const old = await newKey(auth, wanted);
  const { status, body } = await roll(auth, String(old['key_id']), { overlap_hours: 1 });
  expect(status).toBe(201);
  expect(body).toEqual({
    ...wanted,
    id: expect.any(String),
    key_id: expect.stringMatching(/^pf_key_[0-9a-f]{16}$/),
    key_secret: expect.stringMatching(/^pf_sec_[0-9a-f]{36}$/),
    is_active: true,
    last_used_at: null,
    created_at: expect.any(String),
  });
  expect(body['key_id']).not.toBe(old['key_id']);
  expect(await statuses(keyOf(body))).toEqual([200, 200]);
});

test.each([
  ['24 hours unless told otherwise', undefined, 24],
  ['an hour', { overlap_hours: 1 }, 1],
  ['a week', { overlap_hours: 168 }, 168],
])('both keys work for %s, then the old one is refused everywhere', async (_, body, hours) => {
  const { token: auth, key: old } = await registerMerchant(api);
  expect(await statuses(old)).toEqual([200, 200]);
  const rolled = keyOf((await roll(auth, old.keyId, body)).body);
  // Both processes remember the old key as it was before; one of them has to be told.
  await sleep(200);
  later = hours * HOUR_MS - 60_000;
  expect(await statuses(old)).toEqual([200, 200]);
  later = hours * HOUR_MS + 1_000;
  expect(await statuses(old)).toEqual([401, 401]);
  expect(await statuses(rolled)).toEqual([200, 200]);
});

test('a process that remembers the key refuses it to the millisecond: nothing is asked again', async () => {
  const { token: auth, key: old } = await registerMerchant(api);
  await roll(auth, old.keyId, { overlap_hours: 1 });
  await sleep(200);
  // Verified and remembered with its end, less than a minute before it.
  later = HOUR_MS - 30_000;
  expect(await statuses(old)).toEqual([200, 200]);
  later = HOUR_MS + 1_000;
  expect(await statuses(old)).toEqual([401, 401]);
});

test('without an overlap the old key is refused at once here, and within a second elsewhere', async () => {
  const { token: auth, key: old } = await registerMerchant(api);
  expect(await statuses(old)).toEqual([200, 200]);
  const rolled = keyOf((await roll(auth, old.keyId, { overlap_hours: 0 })).body);
  expect(await statusOf(api, old)).toBe(401);
  const startedAt = performance.now();
  while ((await statusOf(other, old)) !== 401 && performance.now() - startedAt < 5 * REFUSED_MS_MAX) {
    await sleep(10);
  }
  expect(performance.now() - startedAt).toBeLessThan(REFUSED_MS_MAX);
  expect(await statuses(rolled)).toEqual([200, 200]);
  expect(await keysOf(auth)).toMatchObject([
    { key_id: rolled.keyId, is_active: true },
    { key_id: old.keyId, is_active: false },
  ]);
});

test('a key that ends within the overlap ends when it was said to end', async () => {
  const { token: auth } = await registerMerchant(api);
  const endsAt = new Date(Date.now() + HOUR_MS).toISOString();
  const old = await newKey(auth, { expires_at: endsAt });
  const { body } = await roll(auth, String(old['key_id']));
  expect(body['expires_at']).toBe(endsAt);
  expect((await keysOf(auth)).find((each) => each['key_id'] === old['key_id'])).toMatchObject({
    expires_at: endsAt,
  });
});

describe('a key is rolled once', () => {
  test('of ten rolls at once one makes a key', async () => {
    const { token: auth, key } = await registerMerchant(api);
    const answers = await Promise.all(Array.from({ length: 10 }, () => roll(auth, key.keyId)));
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([
      201,
      ...Array<number>(9).fill(400),
    ]);
    expect(await keysOf(auth)).toHaveLength(2);
  });

  test("the end of the overlap is nobody else's expiry", async () => {
    const { token: auth, key } = await registerMerchant(api);
    const second = (await roll(auth, key.keyId)).body;
    const refused = await roll(auth, key.keyId);
    expect(refused.status).toBe(400);
    expect(refused.body['error']?.['reason']).toBe('api_key_not_rollable');
    const third = (await roll(auth, String(second['key_id']))).body;
    expect([second['expires_at'], third['expires_at']]).toEqual([null, null]);
  });

  test('a revoked key and an expired one cannot be rolled back to life', async () => {
    const { token: auth, key: revoked } = await registerMerchant(api);
    await api.call('DELETE', `${PATH}/${revoked.keyId}`, { auth });
    const expired = await newKey(auth, { expires_at: new Date(Date.now() + 1_000).toISOString() });
    later = 2_000;
    for (const keyId of [revoked.keyId, String(expired['key_id'])]) {
      expect((await roll(auth, keyId)).body['error']?.['reason']).toBe('api_key_not_rollable');
    }
    expect(await keysOf(auth)).toHaveLength(2);
  });
});

describe('with an Idempotency-Key', () => {
  test('a repeat gets the same answer but for the secret, and makes no third key', async () => {
    const { token: auth, key } = await registerMerchant(api);
    const headers = { 'idempotency-key': 'roll-1' };
    const first = await roll(auth, key.keyId, {}, headers);
    const second = await roll(auth, key.keyId, {}, headers);
    expect(second.status).toBe(201);
    expect(second.body).toEqual(Object.assign({}, first.body, { key_secret: null }));
    expect(second.headers['idempotent-replayed']).toBe('true');
    expect((await roll(auth, key.keyId, { overlap_hours: 0 }, headers)).status).toBe(422);
    expect(await keysOf(auth)).toHaveLength(2);
    const { rows } = await api.deps.pool.query('select * from idempotency_keys');
    expect(JSON.stringify(rows)).not.toContain(String(first.body['key_secret']));
  });
});

describe('who may not', () => {
  test('a foreign key, an unknown key and an impossible one are the same 404', async () => {
    const [one, stranger] = [await registerMerchant(api), await registerMerchant(api)];
    const answers = [];
    for (const keyId of [stranger.key.keyId, 'pf_key_0000000000000000', 'x', '%00']) {
      const { status, body } = await roll(one.token, keyId);
      const error = Object.assign({}, body['error'], { request_id: '' });
      answers.push(JSON.stringify({ status, detail: body['detail'], error }));
    }
    expect(new Set(answers).size).toBe(1);
    expect(answers[0]).toContain('API key not found');
    expect(await statusOf(api, stranger.key)).toBe(200);
    expect(await keysOf(stranger.token)).toHaveLength(1);
  });

  test('nobody without a token, no user, no suspended merchant', async () => {
    const { token, key, merchantId } = await registerMerchant(api);
    expect((await api.call('POST', `${PATH}/${key.keyId}/roll`, { body: {} })).status).toBe(401);
    expect((await roll((await signUp(api, 'user')).token, key.keyId)).status).toBe(403);
    await setMerchantActive(api.deps.pool, { merchantId, active: false });
    expect((await roll(token, key.keyId)).status).toBe(403);
  });

  test.each([
    [{ overlap_hours: -1 }, 'overlap_hours'],
    [{ overlap_hours: 169 }, 'overlap_hours'],
    [{ overlap_hours: 1.5 }, 'overlap_hours'],
    [{ overlap_hours: '24' }, 'overlap_hours'],
    [{ overlap_hours: null }, 'overlap_hours'],
    [{ label: 'x' }, 'label'],
    [{ scopes: ['read'] }, 'scopes'],
  ])('%p → 422 that names the field', async (body, field) => {
    const { token: auth, key } = await registerMerchant(api);
    const answer = await roll(auth, key.keyId, body);
    expect(answer.status).toBe(422);
    expect(answer.body['error']?.['field']).toBe(field);
    expect(await keysOf(auth)).toHaveLength(1);
  });
});

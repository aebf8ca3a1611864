import { setTimeout as sleep } from 'node:timers/promises';
import bcrypt from 'bcrypt';
import type pg from 'pg';
import { z } from 'zod';
import { setMerchantActive } from '../../db/merchants.ts';
import { registerMerchant, startApi, type TestApi } from '../../testing/api.ts';
import { listen } from '../../testing/listen.ts';
import { assemble, createGate, routerOf } from '../app.ts';
import { route } from './guard.ts';
import { createTokens } from './jwt.ts';
import { createApiKeys, type ApiKeys } from './key-cache.ts';
import { createKeySecrets, type Credentials } from './key-secrets.ts';
import { json } from './responses.ts';

const REVOKED_MS_MAX = 1_000;

/** A route that says who asked. */
const whoAmI = route({
  method: 'get',
  path: '/who-am-i',
  summary: 'Who am I',
  tags: ['Test'],
  auth: 'key',
  scopes: ['read'],
  responses: { 200: json('The caller', z.strictObject({ merchant_id: z.string(), key_id: z.string() })) },
  handler: async ({ caller }) => ({
    status: 200,
    body: { merchant_id: caller.merchantId, key_id: caller.keyId },
  }),
});

/** One API process more on the database of `api`, which counts what it costs. */
async function startProcess(api: TestApi, clock: () => number = Date.now) {
  const costs = { compares: 0, atOnce: 0, atOnceMax: 0, queries: 0 };
  const gates = { beforeCompare: async () => {} };
  const { pool, config } = api.deps;
  const apiKeys = createApiKeys({
    pool: counting(pool, costs),
    clock,
    secretKey: config.secretKey,
    compare: async (text, hash) => {
      costs.compares += 1;
      costs.atOnce += 1;
      costs.atOnceMax = Math.max(costs.atOnceMax, costs.atOnce);
      await gates.beforeCompare();
      const same = await bcrypt.compare(text, hash);
      costs.atOnce -= 1;
      return same;
    },
  });
  await apiKeys.ready();
  const deps = { ...api.deps, apiKeys };
  const gate = createGate(deps, createTokens({ ...config, clock }));
  const server = await listen(assemble([routerOf([whoAmI], gate)], deps).callback());
  const url = `${server.url}/who-am-i`;
  return {
    costs,
    gates,
    apiKeys,
    ask: (credentials: Credentials) => ask(url, basic(credentials)),
    askWith: (authorization: string | null) => ask(url, authorization),
    close: async () => {
      await server.close();
      await apiKeys.close();
    },
  };
}
type Process = Awaited<ReturnType<typeof startProcess>>;

function counting(pool: pg.Pool, costs: { queries: number }): pg.Pool {
  return new Proxy(pool, {
    get(target, name) {
      if (name === 'query') costs.queries += 1;
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

async function ask(url: string, authorization: string | null) {
  const response = await fetch(url, authorization === null ? {} : { headers: { authorization } });
  const body = (await response.json()) as { detail?: string; error?: { reason: string } };
  return { status: response.status, body, challenge: response.headers.get('www-authenticate') };
}

function basic({ keyId, secret }: Credentials): string {
  return `Basic ${Buffer.from(`${keyId}:${secret}`).toString('base64')}`;
}

/** Asks until the answer is the wanted status; returns how long that took. */
async function msUntil(status: number, question: () => Promise<{ status: number }>): Promise<number> {
  const startedAt = performance.now();
  while ((await question()).status !== status) {
    if (performance.now() - startedAt > REVOKED_MS_MAX * 5) break;
    await sleep(10);
  }
  return performance.now() - startedAt;
}

let api: TestApi;
let a: Process;
let b: Process;
let now = 0;
const clock = () => Date.now() + now;

beforeAll(async () => {
  api = await startApi({ connectionsMax: 20 });
});
beforeEach(async () => {
  now = 0;
  [a, b] = [await startProcess(api, clock), await startProcess(api, clock)];
});
afterEach(async () => {
  await a.close();
  await b.close();
});
afterAll(() => api.close());

describe('HTTP Basic', () => {
  test('key id and secret open the door', async () => {
    const { key, merchantId } = await registerMerchant(api);
    const { status, body } = await a.ask(key);
    expect(status).toBe(200);
    expect(body).toEqual({ merchant_id: merchantId, key_id: key.keyId });
  });

  test.each([
    ['no header', null],
    ['an empty header', ''],
    ['another scheme', 'Bearer abc'],
    ['the scheme alone', 'Basic'],
    ['what is not base64', 'Basic *****'],
    ['no colon', `Basic ${Buffer.from('pf_key_0000000000000000').toString('base64')}`],
  ])('%s is answered with 401 "Not authenticated"', async (_, authorization) => {
    const { status, body, challenge } = await a.askWith(authorization);
    expect({ status, detail: body.detail }).toEqual({ status: 401, detail: 'Not authenticated' });
    expect(challenge).toBe('Basic realm="PayFlow"');
  });

  test('wrong credentials are answered with 401 "Invalid API credentials"', async () => {
    const { key } = await registerMerchant(api);
    const { status, body, challenge } = await a.ask({ ...key, secret: 'pf_sec_wrong' });
    expect({ status, detail: body.detail }).toEqual({ status: 401, detail: 'Invalid API credentials' });
    expect(challenge).toBe('Basic realm="PayFlow"');
  });

  test('a key without the scope is answered with 403', async () => {
    const { token: auth } = await registerMerchant(api);
    const { body } = await api.call('POST', '/merchants/me/keys', { auth, body: { scopes: ['refund'] } });
    const { status, body: refusal } = await a.ask({
      keyId: String(body['key_id']),
      secret: String(body['key_secret']),
    });
    expect({ status, detail: refusal.detail }).toEqual({
      status: 403,
      detail: "This API key lacks the scope 'read'",
    });
  });
});

describe('what a check costs', () => {
  test('a made-up secret costs no bcrypt and no query', async () => {
    const { key } = await registerMerchant(api);
    const { queries } = a.costs;
    const flipped = key.secret.slice(0, -1) + (key.secret.endsWith('0') ? '1' : '0');
    for (const secret of [
      '',
      'x',
      'x'.repeat(5_000),
      `pf_sec_${'a'.repeat(36)}`,
      flipped,
      key.secret.toUpperCase(),
    ]) {
      expect((await a.ask({ keyId: key.keyId, secret })).status).toBe(401);
    }
    expect({ compares: a.costs.compares, queries: a.costs.queries }).toEqual({ compares: 0, queries });
  });

  test('the good secret of another key costs no bcrypt either', async () => {
    const [one, other] = [await registerMerchant(api), await registerMerchant(api)];
    expect((await a.ask({ keyId: one.key.keyId, secret: other.key.secret })).status).toBe(401);
    expect(a.costs.compares).toBe(0);
  });

  test('a key that we made and no table knows costs as much as one that exists', async () => {
    const unknown = createKeySecrets(api.deps.config.secretKey).create();
    expect((await a.ask(unknown)).status).toBe(401);
    expect(a.costs.compares).toBe(1);
  });

  test('fifty first uses at once cost one bcrypt', async () => {
    const { key } = await registerMerchant(api);
    const answers = await Promise.all(Array.from({ length: 50 }, () => a.ask(key)));
    expect(answers.map(({ status }) => status)).toEqual(Array(50).fill(200));
    expect(a.costs.compares).toBe(1);
  });

  test('a minute of uses costs one bcrypt, the next minute one more', async () => {
    const { key } = await registerMerchant(api);
    await a.ask(key);
    now = 59_000;
    await a.ask(key);
    expect(a.costs.compares).toBe(1);
    now = 61_000;
    await a.ask(key);
    expect(a.costs.compares).toBe(2);
  });

  test('six keys at once are compared two at a time', async () => {
    const merchants = [];
    for (let count = 0; count < 6; count++) merchants.push(await registerMerchant(api));
    a.gates.beforeCompare = () => sleep(20);
    const answers = await Promise.all(merchants.map(({ key }) => a.ask(key)));
    expect(answers.map(({ status }) => status)).toEqual(Array(6).fill(200));
    expect({ compares: a.costs.compares, atOnceMax: a.costs.atOnceMax }).toEqual({
      compares: 6,
      atOnceMax: 2,
    });
  });
});

describe('what was good and is no more', () => {
  test('a key that one process revokes is refused by the other within a second', async () => {
    const { key, token: auth } = await registerMerchant(api);
    expect([(await a.ask(key)).status, (await b.ask(key)).status]).toEqual([200, 200]);
    await api.call('DELETE', `/merchants/me/keys/${key.keyId}`, { auth });
    expect(await msUntil(401, () => a.ask(key))).toBeLessThan(REVOKED_MS_MAX);
    expect(await msUntil(401, () => b.ask(key))).toBeLessThan(REVOKED_MS_MAX);
    expect(a.costs.compares).toBe(1);
  });

  test('the process that revokes refuses at once', async () => {
    const { key } = await registerMerchant(api);
    await a.ask(key);
    await api.deps.pool.query('update api_keys set is_active = false where key_id = $1', [key.keyId]);
    expect((await a.ask(key)).status).toBe(200);
    a.apiKeys.forget(key.keyId);
    expect((await a.ask(key)).status).toBe(401);
  });

  test('a suspended merchant is answered with 403 within a second, and let in again when reinstated', async () => {
    const { key, merchantId } = await registerMerchant(api);
    await b.ask(key);
    await setMerchantActive(api.deps.pool, { merchantId, active: false });
    expect(await msUntil(403, () => b.ask(key))).toBeLessThan(REVOKED_MS_MAX);
    expect((await b.ask(key)).body.detail).toBe('Merchant account inactive or not found');
    await setMerchantActive(api.deps.pool, { merchantId, active: true });
    expect(await msUntil(200, () => b.ask(key))).toBeLessThan(REVOKED_MS_MAX);
  });

  test('a key that is revoked while its secret is being compared is refused', async () => {
    const { key, token: auth } = await registerMerchant(api);
    a.gates.beforeCompare = async () => {
      a.gates.beforeCompare = async () => {};
      await api.call('DELETE', `/merchants/me/keys/${key.keyId}`, { auth });
      await sleep(50);
    };
    expect((await a.ask(key)).status).toBe(401);
    expect((await a.ask(key)).status).toBe(401);
  });

  test('a key ends when it was said to end, remembered or not', async () => {
    const { key } = await registerMerchant(api);
    await api.deps.pool.query(
      `update api_keys set expires_at = now() + interval '30 seconds' where key_id = $1`,
      [key.keyId],
    );
    expect((await a.ask(key)).status).toBe(200);
    now = 31_000;
    expect((await a.ask(key)).status).toBe(401);
    expect(a.costs.compares).toBe(1);
  });

  test('a process that cannot hear of changes remembers nothing', async () => {
    const { key } = await registerMerchant(api);
    await a.ask(key);
    await api.deps.pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and query ilike 'listen%'`,
    );
    // Nobody tells: as if the message had come while nobody listened.
    await api.deps.pool.query('update api_keys set is_active = false where key_id = $1', [key.keyId]);
    expect(await msUntil(401, () => a.ask(key))).toBeLessThan(REVOKED_MS_MAX);
  });

  test('after a lost connection it listens again and remembers again', async () => {
    const { key, token: auth } = await registerMerchant(api);
    await api.deps.pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and query ilike 'listen%'`,
    );
    await sleep(800);
    await a.ask(key);
    await a.ask(key);
    expect(a.costs.compares).toBe(1);
    await api.call('DELETE', `/merchants/me/keys/${key.keyId}`, { auth });
    expect(await msUntil(401, () => a.ask(key))).toBeLessThan(REVOKED_MS_MAX);
  });
});

test('last_used_at is written within about a second, once for all keys', async () => {
  const [one, other] = [await registerMerchant(api), await registerMerchant(api)];
  for (let use = 0; use < 20; use++) await Promise.all([a.ask(one.key), a.ask(other.key)]);
  const { queries } = a.costs;
  await sleep(1_300);
  expect(a.costs.queries - queries).toBe(1);
  const { rows } = await api.deps.pool.query('select last_used_at from api_keys where key_id = any($1)', [
    [one.key.keyId, other.key.keyId],
  ]);
  expect(rows).toEqual([{ last_used_at: expect.anything() }, { last_used_at: expect.anything() }]);
});

test('close writes what was not written yet', async () => {
  const { key } = await registerMerchant(api);
  const process: { apiKeys: ApiKeys; close(): Promise<void>; ask: Process['ask'] } = await startProcess(api);
  await process.ask(key);
  await process.close();
  const { rows } = await api.deps.pool.query('select last_used_at from api_keys where key_id = $1', [
    key.keyId,
  ]);
  expect(rows).toEqual([{ last_used_at: expect.anything() }]);
});

import { registerMerchant, signUp, startApi, type Answered, type TestApi } from '../../testing/api.ts';
import type { OpenApiDocument } from '../openapi.ts';
import { LIMITS, type Limits } from './rate-limit.ts';

/** The limits as callers meet them, behind one proxy of the operator's. */

const three = { points: 3, seconds: 60 };
const open: TestApi[] = [];
afterEach(async () => {
  for (const api of open.splice(0)) await api.close();
});

async function start(limits: Partial<Limits>, { proxyHops = 1 } = {}): Promise<TestApi> {
  const base = await startApi();
  open.push(base);
  const config = { ...base.deps.config, development: false, proxyHops };
  const api = await startApi({ database: base.database, config, limits: { ...LIMITS, ...limits } });
  open.unshift(api);
  return api;
}

const from = (...addresses: string[]) => ({ headers: { 'X-Forwarded-For': addresses.join(', ') } });

function register(api: TestApi, email: string, where = from('203.0.113.7')): Promise<Answered> {
  const body = { name: 'Jane Doe', email, password: 'correct horse', role: 'merchant' };
  return api.call('POST', '/auth/register', { body, ...where });
}

function signIn(api: TestApi, email: string, password: string, where: string): Promise<Answered> {
  return api.call('POST', '/auth/login-json', { body: { email, password }, ...from(where) });
}

function expectRefusal({ status, headers, body }: Answered, secondsMax: number): void {
  expect({ status, reason: body['error']?.['reason'] }).toEqual({ status: 429, reason: 'too_many_requests' });
  const seconds = Number(headers['retry-after']);
  expect(seconds).toBeGreaterThanOrEqual(1);
  expect(seconds).toBeLessThanOrEqual(secondsMax);
}

describe('hole 17: registering', () => {
  test('too many from one network → 429 with Retry-After, and no account; from another one it goes on', async () => {
    const api = await start({ registerByNetwork: three });
    for (let count = 0; count < 3; count++) {
      expect((await register(api, `p${count}@shop.test`)).status).toBe(200);
    }
    expectRefusal(await register(api, 'fourth@shop.test'), 60);
    expect((await register(api, 'fourth@shop.test', from('203.0.113.8'))).status).toBe(200);
  });

  test('an address that the caller wrote himself is not believed', async () => {
    const api = await start({ registerByNetwork: three });
    for (let count = 0; count < 3; count++) {
      await register(api, `p${count}@shop.test`, from(`10.0.0.${count}`, '203.0.113.7'));
    }
    expectRefusal(await register(api, 'fourth@shop.test', from('10.0.0.9', '203.0.113.7')), 60);
  });

  test('without a proxy no X-Forwarded-For is', async () => {
    const api = await start({ registerByNetwork: three }, { proxyHops: 0 });
    for (let count = 0; count < 3; count++) {
      await register(api, `p${count}@shop.test`, from(`203.0.113.${count}`));
    }
    expectRefusal(await register(api, 'fourth@shop.test', from('203.0.113.99')), 60);
  });
});

describe('hole 17: signing in', () => {
  test('wrong passwords from a network are 429 after so many, whatever the account and whether there is one', async () => {
    const api = await start({ loginByNetwork: three });
    const { email } = await signUp(open[1]!);
    for (const name of [email, 'nobody@shop.test', email]) {
      expect((await signIn(api, name, 'wrong', '203.0.113.7')).status).toBe(401);
    }
    expectRefusal(await signIn(api, email, 'wrong', '203.0.113.7'), 60);
    expectRefusal(await signIn(api, 'nobody@shop.test', 'wrong', '203.0.113.7'), 60);
  });

  test('attackers fail on an account from many networks → its owner still gets in from home', async () => {
    const api = await start({ loginByAccount: three });
    const { email, password } = await signUp(open[1]!);
    expect((await signIn(api, email, password, '198.51.100.1')).status).toBe(200);
    for (let count = 0; count < 3; count++) {
      expect((await signIn(api, email, 'wrong', `203.0.113.${count}`)).status).toBe(401);
    }
    expectRefusal(await signIn(api, email, 'wrong', '203.0.113.50'), 3_600);
    expectRefusal(await signIn(api, email, password, '203.0.113.51'), 3_600);
    expect((await signIn(api, email, password, '198.51.100.1')).status).toBe(200);
  });

  test('ten wrong ones from one place → the right one has to wait, too', async () => {
    const api = await start({});
    const { email, password } = await signUp(open[1]!);
    for (let count = 0; count < 10; count++) {
      expect((await signIn(api, email, 'wrong', '203.0.113.7')).status).toBe(401);
    }
    expectRefusal(await signIn(api, email, password, '203.0.113.7'), 1);
    await new Promise((resolve) => setTimeout(resolve, 1_050));
    expect((await signIn(api, email, password, '203.0.113.7')).status).toBe(200);
  });
});

test('/v1: an API key has its requests, and another one its own', async () => {
  const api = await start({ requestsByKey: three });
  const [busy, quiet] = [await registerMerchant(open[1]!), await registerMerchant(open[1]!)];
  const list = (auth: typeof busy.key) => api.call('GET', '/v1/orders', { auth });
  for (let count = 0; count < 3; count++) expect((await list(busy.key)).status).toBe(200);
  expectRefusal(await list(busy.key), 60);
  expectRefusal(await api.call('POST', '/v1/orders', { auth: busy.key, body: { amount: 1 } }), 60);
  expect((await list(quiet.key)).status).toBe(200);
});

test('what is refused is not stored under its Idempotency-Key', async () => {
  const api = await start({ requestsByKey: { points: 1, seconds: 1 } });
  const { key: auth } = await registerMerchant(open[1]!);
  await api.call('GET', '/v1/orders', { auth });
  const order = () =>
    api.call('POST', '/v1/orders', { auth, body: { amount: 1 }, headers: { 'Idempotency-Key': 'one' } });
  expect((await order()).status).toBe(429);
  await new Promise((resolve) => setTimeout(resolve, 1_050));
  expect((await order()).status).toBe(201);
});

test('the document says so at every route that has a limit, and at no other', async () => {
  const api = await start({});
  const { paths = {} } = (await (await fetch(`${api.url}/openapi.json`)).json()) as OpenApiDocument;
  const limited = Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations)
      .filter(([, operation]) => '429' in ((operation as { responses?: object }).responses ?? {}))
      .map(([method]) => `${method} ${path}`),
  );
  const v1 = limited.filter((route) => route.includes(' /v1/'));
  const all = Object.entries(paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method} ${path}`),
  );
  expect(v1).toEqual(all.filter((route) => route.includes(' /v1/')));
  expect(v1.length).toBeGreaterThan(5);
  expect(limited.filter((route) => !route.includes(' /v1/')).toSorted()).toEqual([
    'post /auth/login',
    'post /auth/login-json',
    'post /auth/register',
    'post /pay/qr/{qr_token}',
    'post /pay/{order_ref}',
  ]);
});

import { createEmptyDatabase, type TestDatabase } from '../testing/database.ts';
import { authorization, eventually, startTestBank, type TestBank } from './test-bank.ts';

let database: TestDatabase;
let bank: TestBank;

beforeAll(async () => {
  database = await createEmptyDatabase();
  bank = await startTestBank({ databaseUrl: database.url });
});
afterAll(async () => {
  await bank.close();
  await database.drop();
});

const CHALLENGE = { method: 'netbanking', instrument: {} };
const WALLET = { method: 'wallet', instrument: { wallet: 'w' } };

async function challenge(request: Parameters<TestBank['authorize']>[0]) {
  const full = authorization(request);
  const { action, reference } = await bank.authorize(full);
  const url = action.url.replace('localhost', '127.0.0.1');
  const lookUp = async () => (await bank.call(`/operations/${encodeURIComponent(full.key)}`)).body.outcome;
  return { url, reference, lookUp, key: full.key, returnUrl: full.return_url };
}

function submit(url: string, form: Record<string, string> = {}): Promise<Response> {
  return fetch(url, { method: 'POST', body: new URLSearchParams(form), redirect: 'manual' });
}

test('the page → HTML without scripts, with the amount, two forms and strict headers', async () => {
  const { url } = await challenge({ ...CHALLENGE, amount: 12_345_600 });
  const response = await fetch(url);
  const html = await response.text();
  expect(response.status).toBe(200);
  expect(html).toContain('₹1,23,456.00');
  expect(html).toContain('<html lang="en">');
  expect(html.match(/<form method="post"/g)).toHaveLength(2);
  expect(html).not.toContain('<script');
  expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
  expect(response.headers.get('referrer-policy')).toBe('no-referrer');
  expect(response.headers.get('cache-control')).toBe('no-store');
});

test('an order ref with HTML in it → text on the page', async () => {
  const { url } = await challenge({ ...CHALLENGE, order_ref: '<b>"x"&' });
  expect(await (await fetch(url)).text()).toContain('order &lt;b&gt;&quot;x&quot;&amp;?');
});

test('the payer approves → 303 to the return URL, held once, however often', async () => {
  const page = await challenge(CHALLENGE);
  for (const response of [await submit(`${page.url}/approve`), await submit(`${page.url}/approve`)]) {
    expect(response.status).toBe(303);
    expect(response.headers.get('location')).toBe(page.returnUrl);
  }
  expect(await page.lookUp()).toEqual({ type: 'approved', reference: page.reference });
  expect((await bank.journal()).filter(({ key }) => key === page.key)).toHaveLength(1);
  expect(await (await fetch(page.url)).text()).toContain('was approved');
});

test('the payer declines → 303, payment_cancelled; approving afterwards changes nothing', async () => {
  const page = await challenge({ instrument: { vpa: 'pending@payflow' } });
  expect((await submit(`${page.url}/decline`)).status).toBe(303);
  await submit(`${page.url}/approve`);
  expect(await page.lookUp()).toMatchObject({ type: 'declined', reason: 'payment_cancelled' });
});

test('approve and decline at once → one of them, one hold at most', async () => {
  for (let round = 0; round < 10; round++) {
    const page = await challenge(CHALLENGE);
    await Promise.all([submit(`${page.url}/approve`), submit(`${page.url}/decline`)]);
    const { type } = await page.lookUp();
    const moves = (await bank.journal()).filter(({ key }) => key === page.key);
    expect(moves).toHaveLength(type === 'approved' ? 1 : 0);
  }
});

test.each([
  ['1234', { type: 'approved' }],
  ['12', { type: 'declined', reason: 'payment_declined' }],
])('a wallet with one-time code %s on its page → %j', async (otp, outcome) => {
  const page = await challenge(WALLET);
  const html = await (await fetch(page.url)).text();
  expect(html).toContain('<label for="otp">');
  expect((await submit(`${page.url}/approve`, { otp })).status).toBe(303);
  expect(await page.lookUp()).toMatchObject(outcome);
});

test('abandoned meanwhile → the page says that it was cancelled, nothing can be approved', async () => {
  const page = await challenge(CHALLENGE);
  expect((await bank.call('/abandon', { key: page.key })).body).toEqual({ type: 'abandoned' });
  expect(await (await fetch(page.url)).text()).toContain('This request was cancelled');
  const response = await submit(`${page.url}/approve`);
  expect(response.status).toBe(409);
  expect(await response.text()).toContain('This request was cancelled');
  expect((await bank.call(`/pages/${page.reference}/approve`, {})).status).toBe(409);
  expect(await page.lookUp()).toMatchObject({ type: 'declined', reason: 'authorization_abandoned' });
});

test('a UPI request abandoned → not_yet until the payer has answered', async () => {
  const page = await challenge({ instrument: { vpa: 'pending@payflow' } });
  expect((await bank.call('/abandon', { key: page.key })).body).toEqual({ type: 'not_yet' });
  const { body } = await bank.call(`/pages/${page.reference}/decline`, {});
  expect(body.outcome).toMatchObject({ type: 'declined', reason: 'payment_cancelled' });
  const abandoned = await bank.call('/abandon', { key: page.key });
  expect(abandoned.body).toEqual({ type: 'happened', outcome: body.outcome });
});

test('pages have a token of 256 bits; by a reference or a guess there is no page', async () => {
  const { url, reference } = await challenge(CHALLENGE);
  expect(url).toMatch(/\/pages\/page_[\w-]{43}$/);
  expect((await fetch(`${bank.url()}/pages/${reference}`)).status).toBe(404);
  expect((await fetch(`${bank.url()}/pages/page_${'x'.repeat(43)}`)).status).toBe(404);
  expect((await submit(`${bank.url()}/pages/page_${'x'.repeat(43)}/approve`)).status).toBe(404);
  expect((await bank.call('/pages/bnk_none/approve', {})).status).toBe(404);
});

describe('a bank in a hurry', () => {
  const GRACE_MS = 400;
  let other: TestDatabase;
  let hasty: TestBank;
  beforeAll(async () => {
    other = await createEmptyDatabase();
    const timing = { actionExpiryMs: 100, actionGraceMs: GRACE_MS };
    hasty = await startTestBank({ databaseUrl: other.url, timing });
  });
  afterAll(async () => {
    await hasty.close();
    await other.drop();
  });

  test('the payer never answers → the bank ends it after the grace, a UPI request too', async () => {
    const request = authorization({ instrument: { vpa: 'pending@payflow' } });
    const { action } = await hasty.authorize(request);
    expect(Date.parse(action.expires_at)).toBeLessThan(Date.now() + 200);
    const answer = await eventually(async () => {
      const { body } = await hasty.call('/abandon', { key: request.key });
      return body['type'] === 'not_yet' ? undefined : body;
    });
    const outcome = { type: 'declined', reason: 'payment_cancelled' };
    expect(answer).toMatchObject({ type: 'happened', outcome });
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(action.expires_at) + GRACE_MS);
  });
});

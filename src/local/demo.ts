import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { Home } from './home.ts';

/** What people and scripts need for a first try; also in run.json. */
export interface Demo {
  readonly merchant: Account;
  readonly admin: Account;
  readonly key_id: string;
  readonly key_secret: string;
  readonly webhook_secret: string;
  readonly order_ref: string;
}

interface Account {
  readonly email: string;
  readonly password: string;
}

export interface DemoDeps {
  readonly apiUrl: string;
  readonly home: Home;
  /** Makes an admin account; false if the e-mail is in use. */
  readonly createAdmin: (account: Account & { name: string }) => Promise<boolean>;
}

const FILE = 'demo.json';
const REQUEST_MS_MAX = 15_000;
const ORDER = { amount: 49_900, currency: 'INR', receipt: 'demo', expires_in: 7 * 86_400 };
const PAYABLE = ['created', 'attempted'];

const token = z.object({ access_token: z.string() });
const secret = z.object({ webhook_secret: z.string() });
const apiKey = z.object({ key_id: z.string(), key_secret: z.string() });
const order = z.object({ order_ref: z.string(), status: z.string() });

/**
 * A merchant with keys and an order to pay, through our own API like any merchant, and an admin.
 * Whatever an earlier start has made is kept as long as the API still knows it.
 */
export async function ensureDemo(deps: DemoDeps): Promise<Demo> {
  let known: Partial<Demo> = deps.home.readJson<Demo>(FILE) ?? {};
  const keep = (more: Partial<Demo>) => deps.home.writeJson(FILE, (known = { ...known, ...more }));
  const call = client(deps.apiUrl);

  const merchant = await ensureAccount(call, known.merchant, 'merchant', (account) =>
    register(call, account),
  );
  keep({ merchant: merchant.account });
  const webhook_secret = await ensureProfile(call, merchant);
  const keys = await ensureKeys(call, merchant.bearer, known);
  keep({ webhook_secret, ...keys });
  const admin = await ensureAccount(call, known.admin, 'admin', (account) =>
    deps.createAdmin({ ...account, name: 'Demo admin' }),
  );
  keep({ admin: admin.account });
  const order_ref = await ensureOrder(call, keys, known.order_ref);
  keep({ order_ref });
  return { merchant: merchant.account, admin: admin.account, webhook_secret, ...keys, order_ref };
}

type Call = ReturnType<typeof client>;
type Keys = Pick<Demo, 'key_id' | 'key_secret'>;

interface LoggedIn {
  readonly account: Account;
  readonly bearer: string;
}

async function ensureAccount(
  call: Call,
  known: Account | undefined,
  name: string,
  create: (account: Account) => Promise<boolean>,
): Promise<LoggedIn> {
  if (known) {
    const bearer = await logIn(call, known);
    if (bearer !== null) return { account: known, bearer };
  }
  const password = randomBytes(9).toString('base64url');
  // A database of yours may hold the first one already, from another home.
  for (const local of [name, `${name}-${randomBytes(3).toString('hex')}`]) {
    const account = { email: `${local}@example.com`, password };
    if (!(await create(account))) continue;
    const bearer = await logIn(call, account);
    if (bearer !== null) return { account, bearer };
  }
  throw new Error(`the demo ${name} could not be made`);
}

async function register(call: Call, account: Account): Promise<boolean> {
  const answer = await call('POST', '/auth/register', {
    ...account,
    name: 'Demo merchant',
    role: 'merchant',
  });
  if (answer.status === 400) return false;
  return (answer.expect(200), true);
}

async function logIn(call: Call, { email, password }: Account): Promise<string | null> {
  const answer = await call('POST', '/auth/login-json', { email, password });
  if (answer.status === 401) return null;
  return `Bearer ${answer.expect(200, token).access_token}`;
}

async function ensureProfile(call: Call, { account, bearer }: LoggedIn): Promise<string> {
  const found = await call('GET', '/merchants/me', undefined, bearer);
  if (found.status === 404) {
    const profile = { business_name: "Jane's Store", business_email: account.email };
    return (await call('POST', '/merchants/', profile, bearer)).expect(201, secret).webhook_secret;
  }
  found.expect(200);
  // Asked each time: it may have been rotated.
  const answer = await call('GET', '/merchants/me/webhook-secret', undefined, bearer);
  return answer.expect(200, secret).webhook_secret;
}

async function ensureKeys(call: Call, bearer: string, known: Partial<Keys>): Promise<Keys> {
  const { key_id, key_secret } = known;
  if (key_id !== undefined && key_secret !== undefined) {
    const answer = await call('GET', '/v1/orders?limit=1', undefined, basic({ key_id, key_secret }));
    if (answer.status === 200) return { key_id, key_secret };
  }
  return (await call('POST', '/merchants/me/keys', { label: 'Demo key' }, bearer)).expect(201, apiKey);
}

async function ensureOrder(call: Call, keys: Keys, known: string | undefined): Promise<string> {
  if (known !== undefined) {
    const answer = await call('GET', `/v1/orders/${known}`, undefined, basic(keys));
    if (answer.status === 200 && PAYABLE.includes(answer.expect(200, order).status)) return known;
  }
  return (await call('POST', '/v1/orders', ORDER, basic(keys))).expect(201, order).order_ref;
}

function basic({ key_id, key_secret }: Keys): string {
  return `Basic ${Buffer.from(`${key_id}:${key_secret}`).toString('base64')}`;
}

function client(apiUrl: string) {
  return async (method: 'GET' | 'POST', path: string, body?: unknown, authorization?: string) => {
    const response = await fetch(`${apiUrl}${path}`, {
      method,
      headers: { 'content-type': 'application/json', ...(authorization ? { authorization } : {}) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(REQUEST_MS_MAX),
    });
    const text = await response.text();
    return {
      status: response.status,
      expect<T>(status: number, shape: z.ZodType<T> = z.any()): T {
        const parsed = response.status === status ? shape.safeParse(tryJson(text)) : null;
        if (parsed?.success) return parsed.data;
        throw new Error(`${method} ${path} answered ${response.status}: ${text.slice(0, 300)}`);
      },
    };
  };
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

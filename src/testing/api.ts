import pino from 'pino';
import { Agent, request } from 'undici';
import { createApi } from '../api/app.ts';
import type { ApiDeps } from '../api/deps.ts';
import { createApiKeys } from '../api/middleware/key-cache.ts';
import type { Credentials } from '../api/middleware/key-secrets.ts';
import { LIMITS } from '../api/middleware/rate-limit.ts';
import type { OpenApiDocument } from '../api/openapi.ts';
import { createSimulatorConnector } from '../connectors/simulator/connector.ts';
import type { Scope } from '../db/api-keys.ts';
import type { BcryptCompare } from '../db/passwords.ts';
import { createKnex, createPool } from '../db/pool.ts';
import { createTemporalClient } from '../temporal/client.ts';
import { createOrderEngine } from '../temporal/orders.ts';
import { createSampleStarter } from '../temporal/webhooks.ts';
import { checkTarget } from '../webhooks/target.ts';
import { webhookSecret } from '../webhooks/sign.ts';
import { createContractCheck, type ContractCheck } from './contract.ts';
import { createDatabase, type TestDatabase } from './database.ts';
import { listen } from './listen.ts';
import { temporalAddress, uniqueQueue } from './temporal.ts';

export interface Overrides extends Partial<ApiDeps> {
  /** Another API's, for two processes on one database. */
  readonly database?: TestDatabase;
  readonly compare?: BcryptCompare;
  readonly connectionsMax?: number;
  /** Any free one, unless somebody has to know it before. */
  readonly port?: number;
}

export interface CallOptions {
  /** A token (Bearer), or the two halves of an API key (Basic). */
  readonly auth?: string | Credentials;
  /** An object is sent as JSON, a string or bytes as they are. */
  readonly body?: object | string | Buffer;
  readonly headers?: Record<string, string>;
}

export interface Answered {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  /** Parsed where it is JSON. A test knows what it asked for. */
  readonly body: Json;
}

/** JSON as tests read it: any property may be asked for, and may be missing. */
export type Json = { readonly [name: string]: Json } & readonly Json[];

export interface TestApi {
  readonly url: string;
  readonly deps: ApiDeps;
  readonly database: TestDatabase;
  /** Every answer is checked against the OpenAPI document: an undeclared one throws. */
  call(method: string, path: string, options?: CallOptions): Promise<Answered>;
  close(): Promise<void>;
}

const CONNECTIONS_MAX = 10;
const SECRET = 'a-secret-for-tests-0123456789-0123456789';

/** The real adapter to a bank that is not there. */
const NO_BANK = createSimulatorConnector({
  url: 'http://127.0.0.1:1',
  apiKey: SECRET,
  callbackSecret: SECRET,
});

/** The whole API on a free port over a database of its own. Everything behind it is real. */
export async function startApi(overrides: Overrides = {}): Promise<TestApi> {
  const database = overrides.database ?? (await createDatabase());
  const deps = createDeps(database, overrides);
  await deps.apiKeys.ready();
  const server = await listen(createApi(deps).callback(), overrides.port);
  const { url } = server;
  const agent = new Agent();
  const check = createContractCheck(await fetchDocument(url));
  return {
    url,
    deps,
    database,
    call: (method, path, options) => callApi({ url, agent, check }, { method, path, ...options }),
    async close() {
      await agent.close();
      await server.close();
      await deps.apiKeys.close();
      await Promise.all([deps.pool.end(), deps.knex.destroy()]);
      if (overrides.database === undefined) await database.drop();
    },
  };
}

function createDeps(
  database: TestDatabase,
  { compare, connectionsMax, port: _port, ...overrides }: Overrides,
): ApiDeps {
  const options = {
    url: database.url,
    max: connectionsMax ?? CONNECTIONS_MAX,
    applicationName: 'payflow-test',
  };
  const pool = overrides.pool ?? createPool(options);
  const clock = overrides.clock ?? Date.now;
  const config = {
    development: true,
    proxyHops: 0,
    apiUrl: 'http://api.test',
    frontendUrl: 'http://shop.test',
    secretKey: SECRET,
    accessTokenMinutes: 30,
    captureWindowMs: 5 * 86_400_000,
  };
  return {
    pool,
    knex: overrides.knex ?? createKnex(options),
    log: pino({ level: process.env['PAYFLOW_TEST_LOG'] ?? 'silent' }),
    clock,
    config,
    limits: LIMITS,
    apiKeys:
      overrides.apiKeys ??
      createApiKeys({ pool, clock, secretKey: SECRET, ...(compare === undefined ? {} : { compare }) }),
    engine: overrides.engine ?? sleepingEngine(pool),
    tokenizeCard: (card) => NO_BANK.tokenizeCard(card, { timeoutMs: 1_000 }),
    parseCallback: (rawBody, headers) => NO_BANK.parseCallback(rawBody, headers),
    webhookSecretOf: ({ id, secretVersion }) => webhookSecret(SECRET, id, secretVersion),
    checkWebhookTarget: (url, field) => checkTarget(url, { allowPrivate: true, field }),
    startSample: overrides.startSample ?? createSampleStarter(lazyClient(), uniqueQueue()),
    readiness: {},
    ...overrides,
  };
}

/** The real engine over a task queue that no worker serves: it starts runs, and nothing moves them on. */
function sleepingEngine(pool: ApiDeps['pool']): ApiDeps['engine'] {
  return createOrderEngine({ client: lazyClient(), pool, taskQueue: uniqueQueue() });
}

function lazyClient() {
  return createTemporalClient({
    address: temporalAddress(),
    namespace: 'default',
    apiKey: undefined,
    tls: false,
  });
}

async function fetchDocument(url: string): Promise<OpenApiDocument> {
  const { statusCode, body } = await request(`${url}/openapi.json`);
  if (statusCode !== 200) throw new Error(`no OpenAPI document: ${await body.text()}`);
  return (await body.json()) as OpenApiDocument;
}

interface Line {
  readonly url: string;
  readonly agent: Agent;
  readonly check: ContractCheck;
}

async function callApi(
  { url, agent, check }: Line,
  { method, path, auth, body, headers }: CallOptions & { method: string; path: string },
): Promise<Answered> {
  const raw = body === undefined || typeof body === 'string' || Buffer.isBuffer(body);
  const response = await request(`${url}${path}`, {
    method: method as 'GET',
    dispatcher: agent,
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(auth === undefined ? {} : { authorization: authorization(auth) }),
      ...headers,
    },
    body: raw ? (body ?? null) : JSON.stringify(body),
  });
  const text = await response.body.text();
  const mediaType = String(response.headers['content-type'] ?? '').split(';')[0] ?? '';
  const parsed: unknown = mediaType === 'application/json' ? JSON.parse(text) : text;
  const status = response.statusCode;
  check({ method, path: path.split('?')[0] ?? path, status, mediaType, body: parsed });
  return { status, headers: response.headers, body: parsed as Json };
}

function authorization(auth: string | Credentials): string {
  if (typeof auth === 'string') return `Bearer ${auth}`;
  return `Basic ${Buffer.from(`${auth.keyId}:${auth.secret}`).toString('base64')}`;
}

let people = 0;

/** A new account, signed in. */
export async function signUp(api: TestApi, role: 'user' | 'merchant' = 'merchant') {
  people += 1;
  const email = `person${people}@shop.test`;
  const password = 'secret';
  await api.call('POST', '/auth/register', { body: { name: 'Jane Doe', email, password, role } });
  const login = await api.call('POST', '/auth/login-json', { body: { email, password } });
  return { email, password, token: String(login.body['access_token']) };
}

/** A merchant with its profile and one API key. */
export async function registerMerchant(api: TestApi) {
  const account = await signUp(api);
  const { token: auth, email } = account;
  const body = { business_name: "Jane's Store", business_email: email };
  const profile = await api.call('POST', '/merchants/', { auth, body });
  const key = await api.call('POST', '/merchants/me/keys', { auth, body: {} });
  return {
    ...account,
    merchantId: String(profile.body['id']),
    webhookSecret: String(profile.body['webhook_secret']),
    key: { keyId: String(key.body['key_id']), secret: String(key.body['key_secret']) },
  };
}

/** Another API key of this merchant, with fewer scopes. */
export async function limitedKey(
  api: TestApi,
  { token: auth }: { token: string },
  scopes: readonly Scope[],
): Promise<Credentials> {
  const { body } = await api.call('POST', '/merchants/me/keys', { auth, body: { scopes } });
  return { keyId: String(body['key_id']), secret: String(body['key_secret']) };
}

/** A refusal without its request id, as text: where two are equal, a stranger learns nothing. */
export function refusalText({ status, body }: Answered): string {
  return JSON.stringify(Object.assign({ status, detail: body['detail'] }, body['error'], { request_id: '' }));
}

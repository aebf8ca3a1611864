import { randomUUID } from 'node:crypto';
import { type Bank, startBank } from './bank.ts';
import type { BankSettings, Timing } from './config.ts';

/** For tests: a bank in this process and a caller with its API key. */
export interface TestBank {
  call(path: string, body?: unknown, method?: string): Promise<Answer>;
  /** With `success@payflow` and a new key where the test does not say otherwise. */
  authorize(request?: Partial<AuthorizeBody>): Promise<Outcome>;
  /** A token for this card's number. */
  tokenize(number: string): Promise<string>;
  /** Authorized and captured; what the next step needs, with a new key. */
  captured(amount: number): Promise<StepBody>;
  journal(): Promise<JournalEntry[]>;
  url(): string;
  /** The same database, a new process's memory. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

export interface Answer {
  readonly status: number;
  readonly body: { readonly outcome: Outcome; readonly [name: string]: unknown };
}
export interface Outcome {
  readonly type: string;
  readonly reason?: string;
  readonly reference: string;
  readonly action: {
    readonly type: string;
    readonly url: string;
    readonly intent_url: string | null;
    readonly expires_at: string;
  };
}
export interface JournalEntry {
  readonly id: number;
  readonly at: string;
  readonly kind: string;
  readonly key: string;
  readonly order_ref: string | null;
  readonly amount: number;
  readonly currency: string | null;
}
export interface AuthorizeBody {
  readonly key: string;
  readonly order_ref: string;
  readonly amount: number;
  readonly currency: string;
  readonly method: string;
  readonly instrument: Readonly<Record<string, string>>;
  readonly return_url: string;
}
export interface StepBody {
  readonly key: string;
  readonly order_ref: string;
  readonly reference: string;
  readonly amount: number;
  readonly currency: string;
}

const API_KEY = 'test-api-key';
const JOURNAL_ROWS = 1_000;

export async function startTestBank(options: {
  databaseUrl: string;
  callback?: BankSettings['callback'];
  timing?: Partial<Timing>;
}): Promise<TestBank> {
  const { databaseUrl, callback = null, timing = {} } = options;
  const settings = { databaseUrl, callback, timing, port: 0, apiKey: API_KEY, publicUrl: null };
  let bank: Bank = await startBank(settings);
  const call = (path: string, body?: unknown, method?: string) =>
    send({ url: bank.url + path, body, method: method ?? (body === undefined ? 'GET' : 'POST') });
  const authorize = async (request: Partial<AuthorizeBody> = {}) =>
    (await call('/authorizations', authorization(request))).body.outcome;
  return {
    call,
    authorize,
    tokenize: async (number) => {
      const card = { number, expiry_month: 12, expiry_year: 2099, cvv: '123' };
      return String((await call('/tokens', card)).body['token']);
    },
    captured: async (amount) => {
      const { reference } = await authorize({ amount });
      const step = { order_ref: 'pf_order_test', reference, amount, currency: 'INR' };
      await call('/captures', { ...step, key: newKey() });
      return { ...step, key: newKey() };
    },
    journal: async () => {
      const { body } = await call(`/journal?limit=${JOURNAL_ROWS}`);
      return body as unknown as JournalEntry[];
    },
    url: () => bank.url,
    restart: async () => {
      await bank.close();
      bank = await startBank(settings);
    },
    close: () => bank.close(),
  };
}

export function authorization(request: Partial<AuthorizeBody> = {}): AuthorizeBody {
  return {
    key: newKey(),
    order_ref: 'pf_order_test',
    amount: 10_000,
    currency: 'INR',
    method: 'upi',
    instrument: { vpa: 'success@payflow' },
    return_url: 'http://localhost:8000/back?a=1&b=2',
    ...request,
  };
}

/** As PayFlow makes them: with a slash inside. */
export function newKey(): string {
  return `${randomUUID()}/step`;
}

/** Until it is so, or an error after `withinMs`. */
export async function eventually<T>(look: () => Promise<T | undefined>, withinMs = 5_000): Promise<T> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const seen = await look();
    if (seen !== undefined) return seen;
    if (Date.now() > deadline) throw new Error(`not so within ${withinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function send(request: { url: string; body: unknown; method: string }): Promise<Answer> {
  const response = await fetch(request.url, {
    method: request.method,
    headers: { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json' },
    ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
  });
  return { status: response.status, body: (await response.json()) as Answer['body'] };
}

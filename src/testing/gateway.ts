import pino from 'pino';
import { freePort } from '../local/ports.ts';
import { engineReady } from '../temporal/readiness.ts';
import { runSweep } from '../temporal/sweep.ts';
import {
  registerMerchant,
  startApi,
  type Answered,
  type CallOptions,
  type Overrides,
  type TestApi,
} from './api.ts';
import { startLab, until, type Lab } from './lab.ts';

type Merchant = Awaited<ReturnType<typeof registerMerchant>>;

/** The whole product in one process: the API in front of a lab, on one database, with one merchant. */
export interface Gateway {
  readonly lab: Lab;
  readonly api: TestApi;
  readonly merchant: Merchant;
  /** With the merchant's API key; every answer is checked against the OpenAPI document. */
  call(method: string, path: string, options?: CallOptions): Promise<Answered>;
  /** A new order's ref: of ₹499.00, unless told otherwise. */
  order(change?: object): Promise<string>;
  /** As a program of the payer's, without an API key. */
  pay(orderRef: string, body: object, headers?: Record<string, string>): Promise<Answered>;
  /** The ref of a payment by UPI that is paid, or authorized for an order of manual capture. */
  paid(change?: object): Promise<string>;
  /** The kinds of what the bank did with money for this order, oldest first. */
  moves(orderRef: string): Promise<string[]>;
  /** Reads a payment until it is in this phase. */
  reaches(paymentRef: string, phase: string): Promise<Answered>;
  sql<T>(text: string, ...values: unknown[]): Promise<T[]>;
  close(): Promise<void>;
}

export const CALLBACK_SECRET = 'a-callback-secret-for-tests';
const TOKENIZE_MS = 5_000;
/** For tests that send a hundred requests at once. */
const CONNECTIONS_MAX = 20;

export async function startGateway(overrides: Pick<Overrides, 'log' | 'limits'> = {}): Promise<Gateway> {
  // The bank has to know the API's address and the API the bank's.
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const callback = { url: `${url}/callbacks/simulator`, secret: CALLBACK_SECRET };
  const lab = await startLab({ callback, returnBase: url });
  const api = await startApi({
    ...overrides,
    port,
    database: lab.database,
    connectionsMax: CONNECTIONS_MAX,
    engine: lab.engine,
    tokenizeCard: (card) => lab.connector.tokenizeCard(card, { timeoutMs: TOKENIZE_MS }),
    parseCallback: (rawBody, headers) => lab.connector.parseCallback(rawBody, headers),
  });
  const sweeping = new AbortController();
  const log = pino({ level: 'silent' });
  const sweep = {
    pool: lab.pool,
    engine: lab.engine,
    logger: log,
    engineReady: () => engineReady(lab.client),
    ensureDispatcher: () => Promise.resolve(),
  };
  const swept = runSweep(sweep, sweeping.signal);
  const merchant = await registerMerchant(api);
  return {
    ...toolsOf({ lab, api, merchant }),
    lab,
    api,
    merchant,
    async close() {
      sweeping.abort();
      await swept;
      await api.close();
      await lab.close();
    },
  };
}

function toolsOf({ lab, api, merchant }: { lab: Lab; api: TestApi; merchant: Merchant }) {
  const call: Gateway['call'] = (method, path, options) =>
    api.call(method, path, { auth: merchant.key, ...options });
  const order: Gateway['order'] = async (change = {}) => {
    const { status, body } = await call('POST', '/v1/orders', { body: { amount: 49_900, ...change } });
    if (status !== 201) throw new Error(`no order: ${JSON.stringify(body)}`);
    return String(body['order_ref']);
  };
  const pay: Gateway['pay'] = (orderRef, body, headers = {}) =>
    api.call('POST', `/pay/${orderRef}`, { body, headers });
  return {
    call,
    order,
    pay,
    paid: async (change: object = {}) => {
      const { body } = await pay(await order(change), { method: 'upi', vpa: 'success@payflow' });
      if (body['captured_at'] === null && body['authorized_at'] === null) {
        throw new Error(`not paid: ${JSON.stringify(body)}`);
      }
      return String(body['payment_ref']);
    },
    moves: async (orderRef: string) => {
      const rows = await lab.bank.journal({ orderRef });
      return rows.map(({ kind }) => kind);
    },
    reaches: async (paymentRef: string, phase: string) => {
      const read = () => call('GET', `/v1/payments/${paymentRef}`);
      await until(`${paymentRef} is ${phase}`, async () => String((await read()).body['phase']) === phase);
      return read();
    },
    sql: async <T>(text: string, ...values: unknown[]) => {
      const { rows } = await lab.pool.query(text, values);
      return rows as T[];
    },
  };
}

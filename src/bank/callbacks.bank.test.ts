import { createHmac } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createEmptyDatabase, type TestDatabase } from '../testing/database.ts';
import { authorization, eventually, startTestBank, type TestBank } from './test-bank.ts';

const SECRET = 'callback-secret';

interface Received {
  readonly id: string;
  readonly key: string;
  readonly kind: string;
  readonly outcome: { readonly type: string };
  readonly at: string;
}

let database: TestDatabase;
let bank: TestBank;
let server: Server;
let received: Received[];
/** What the receiver answers; 200 when there is none left. */
let statuses: number[];
let wrongSignatures: number;

beforeEach(async () => {
  received = [];
  statuses = [];
  wrongSignatures = 0;
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks);
      const signature = createHmac('sha256', SECRET).update(body).digest('hex');
      if (request.headers['x-bank-signature'] !== signature) wrongSignatures++;
      received.push(JSON.parse(body.toString()) as Received);
      response.writeHead(statuses.shift() ?? 200).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  database = await createEmptyDatabase();
  bank = await startTestBank({
    databaseUrl: database.url,
    callback: { url: `http://127.0.0.1:${port}/callbacks/simulator`, secret: SECRET },
    timing: { callbackRetryMs: 100, silenceMs: 0 },
  });
});
afterEach(async () => {
  await bank.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await database.drop();
  expect(wrongSignatures).toBe(0);
});

const receivedSome = (count: number) =>
  eventually(() => Promise.resolve(received.length >= count ? received : undefined));

test('whatever ends is told once, signed, with its key and outcome', async () => {
  const step = await bank.captured(10_000);
  await bank.call('/refunds', step);
  await bank.authorize({ instrument: { vpa: 'failure@payflow' } });
  await receivedSome(4);
  const told = received.map(({ kind, outcome }) => `${kind} ${outcome.type}`).toSorted();
  expect(told).toEqual(['authorize approved', 'authorize declined', 'capture approved', 'refund approved']);
  expect(received.find(({ kind }) => kind === 'refund')).toEqual({
    id: expect.stringMatching(/^evt_/),
    key: step.key,
    kind: 'refund',
    outcome: { type: 'approved', reference: expect.stringMatching(/^bnk_/) },
    at: expect.stringMatching(/Z$/),
  });
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(received).toHaveLength(4);
});

test('what ends later is told then: the payer, a late success, a settled refund', async () => {
  const waiting = authorization({ method: 'netbanking', instrument: {} });
  const { reference } = await bank.authorize(waiting);
  const late = authorization({ instrument: { vpa: 'late@payflow' } });
  await bank.call('/faults', { late_success_ms: 0 });
  await bank.call('/authorizations', late).catch(() => undefined);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(received).toEqual([]);
  await bank.call(`/pages/${reference}/decline`, {});
  await bank.call(`/operations/${encodeURIComponent(late.key)}`);
  await receivedSome(2);
  expect(new Set(received.map(({ key, outcome }) => `${key} ${outcome.type}`))).toEqual(
    new Set([`${waiting.key} declined`, `${late.key} approved`]),
  );
  const refund = { ...(await bank.captured(10_000)), amount: 113 };
  await bank.call('/refunds', refund);
  await bank.call(`/refunds/${encodeURIComponent(refund.key)}/settle`, { outcome: 'processed' });
  await receivedSome(5);
  expect(received.filter(({ kind }) => kind === 'refund')).toMatchObject([{ key: refund.key }]);
});

test('a receiver that fails → told again until it takes it, with the same id', async () => {
  statuses = [500, 302];
  await bank.authorize();
  await receivedSome(3);
  expect(new Set(received.map(({ id }) => id)).size).toBe(1);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(received).toHaveLength(3);
});

test('a restart between two tries → goes on', async () => {
  statuses = [500];
  await bank.authorize();
  await receivedSome(1);
  await bank.restart();
  await receivedSome(2);
  expect(new Set(received.map(({ id }) => id)).size).toBe(1);
});

test('duplicate_callbacks → each twice with the same id', async () => {
  await bank.call('/faults', { duplicate_callbacks: true });
  await bank.authorize();
  await receivedSome(2);
  expect(new Set(received.map(({ id }) => id)).size).toBe(1);
});

test('reorder_callbacks → newest first', async () => {
  await bank.call('/faults', { reorder_callbacks: true });
  const step = await bank.captured(10_000);
  await bank.call('/refunds', step);
  await receivedSome(3);
  expect(received.map(({ kind }) => kind)).toEqual(['refund', 'capture', 'authorize']);
});

test('callbacks_off → what happens meanwhile is never told', async () => {
  await bank.call('/faults', { callbacks_off: true });
  await bank.authorize();
  await bank.call('/faults', { callbacks_off: false });
  const key = authorization().key;
  await bank.authorize({ key });
  await receivedSome(1);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(received.map((callback) => callback.key)).toEqual([key]);
});

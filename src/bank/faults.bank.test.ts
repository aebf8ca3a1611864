import { createEmptyDatabase, type TestDatabase } from '../testing/database.ts';
import { authorization, startTestBank, type TestBank } from './test-bank.ts';

let database: TestDatabase;
let bank: TestBank;

beforeAll(async () => {
  database = await createEmptyDatabase();
  bank = await startTestBank({ databaseUrl: database.url });
});
afterEach(() => bank.call('/faults', undefined, 'DELETE'));
afterAll(async () => {
  await bank.close();
  await database.drop();
});

const outcomeOf = async (key: string) =>
  (await bank.call(`/operations/${encodeURIComponent(key)}`)).body.outcome.type;

test('faults add up, are shown, and are cleared', async () => {
  await bank.call('/faults', { latency_ms: 0, operations: ['capture'] });
  const { body } = await bank.call('/faults', { drop_next: 2 });
  expect(body).toEqual({ latency_ms: 0, operations: ['capture'], drop_next: 2 });
  expect((await bank.call('/faults', undefined, 'DELETE')).body).toEqual({});
  expect((await bank.call('/faults')).body).toEqual({});
});

test.each([{ error_rate: 2 }, { late_success_ms: 60_000 }, { operations: ['pay'] }, { lateness: 1 }])(
  'POST /faults %j → 422',
  async (faults) => {
    expect((await bank.call('/faults', faults)).status).toBe(422);
  },
);

test('error_rate → 500 and no effect', async () => {
  await bank.call('/faults', { error_rate: 1, operations: ['authorize'] });
  const request = authorization();
  expect((await bank.call('/authorizations', request)).status).toBe(500);
  expect(await outcomeOf(request.key)).toBe('not_found');
});

test('drop_rate → the effect and no answer', async () => {
  await bank.call('/faults', { drop_rate: 1, operations: ['authorize'] });
  const request = authorization();
  await expect(bank.call('/authorizations', request)).rejects.toThrow('fetch failed');
  expect(await outcomeOf(request.key)).toBe('approved');
});

test("drop_next 2 → two calls without an answer, the third gets the first one's", async () => {
  await bank.call('/faults', { drop_next: 2, operations: ['authorize'] });
  const request = authorization();
  await expect(bank.call('/authorizations', request)).rejects.toThrow('fetch failed');
  await expect(bank.call('/authorizations', request)).rejects.toThrow('fetch failed');
  expect((await bank.call('/authorizations', request)).body.outcome.type).toBe('approved');
  expect((await bank.journal()).filter(({ key }) => key === request.key)).toHaveLength(1);
});

test('latency_ms → the effect comes late, also when the caller has hung up', async () => {
  await bank.call('/faults', { latency_ms: 300, operations: ['authorize'] });
  const request = authorization();
  const hungUp = fetch(`${bank.url()}/authorizations`, {
    method: 'POST',
    headers: { authorization: 'Bearer test-api-key', 'content-type': 'application/json' },
    body: JSON.stringify(request),
    signal: AbortSignal.timeout(100),
  });
  await expect(hungUp).rejects.toThrow();
  expect(await outcomeOf(request.key)).toBe('not_found');
  await new Promise((resolve) => setTimeout(resolve, 400));
  expect(await outcomeOf(request.key)).toBe('approved');
});

test('operations → other kinds are not touched', async () => {
  await bank.call('/faults', { error_rate: 1, operations: ['capture', 'refund'] });
  expect((await bank.authorize()).type).toBe('approved');
});

test('order_refs → calls about other orders, or about none, are not touched', async () => {
  const one = authorization();
  await bank.call('/faults', { error_rate: 1, order_refs: [one.order_ref] });
  expect((await bank.call('/authorizations', one)).status).toBe(500);
  expect((await bank.authorize({ order_ref: 'another' })).type).toBe('approved');
  expect(await outcomeOf(one.key)).toBe('not_found');
});

test('down → 503 for everything but /health and /faults', async () => {
  await bank.call('/faults', { down: true });
  expect((await bank.call('/journal')).status).toBe(503);
  expect((await bank.call('/authorizations', authorization())).status).toBe(503);
  expect((await fetch(`${bank.url()}/pages/x`)).status).toBe(503);
  expect((await bank.call('/health')).status).toBe(200);
  expect((await bank.call('/faults')).body).toEqual({ down: true });
});

import pg from 'pg';
import { createEmptyDatabase, type TestDatabase } from '../testing/database.ts';
import { authorization, newKey, startTestBank, type TestBank } from './test-bank.ts';

let database: TestDatabase;
let bank: TestBank;

beforeEach(async () => {
  database = await createEmptyDatabase();
  bank = await startTestBank({ databaseUrl: database.url });
});
afterEach(async () => {
  await bank.close();
  await database.drop();
});

test('hold, capture, refund, void → one journal row each, ascending, and the account agrees', async () => {
  const captured = await bank.captured(10_000);
  await bank.call('/refunds', { ...captured, amount: 2_500 });
  const { reference } = await bank.authorize({ amount: 700 });
  const release = { key: newKey(), order_ref: 'pf_order_test', reference, currency: 'INR' };
  await bank.call('/voids', release);
  await bank.call('/voids', { ...release, key: newKey() });
  await bank.authorize({ amount: 300 });
  const rows = await bank.journal();
  expect(rows.map(({ kind, amount }) => [kind, amount])).toEqual([
    ['authorize', 10_000],
    ['capture', 10_000],
    ['refund', 2_500],
    ['authorize', 700],
    ['void', 700],
    ['authorize', 300],
  ]);
  expect(rows.every((row, index) => index === 0 || row.id > (rows[index - 1]?.id ?? 0))).toBe(true);
  expect(rows.every(({ order_ref: ref, currency }) => ref === 'pf_order_test' && currency === 'INR')).toBe(
    true,
  );
  expect((await bank.call('/accounts')).body).toEqual([
    { currency: 'INR', held: 300, captured: 10_000, refunded: 2_500, balance: 7_500 },
  ]);
});

test('reads the journal after an id and with a limit → exactly what follows', async () => {
  for (let index = 0; index < 5; index++) await bank.authorize();
  const all = await bank.journal();
  const { body } = await bank.call(`/journal?after=${all[1]?.id}&limit=2`);
  expect(body).toEqual(all.slice(2, 4));
  expect((await bank.call('/journal?limit=1001')).status).toBe(422);
});

test('reads the journal while a row is on its way → waits for it, never shows what comes after it first', async () => {
  await bank.authorize();
  const writer = new pg.Client({ connectionString: database.url });
  await writer.connect();
  await writer.query('begin');
  await writer.query(`insert into journal (kind, key, amount) values ('authorize', 'slow', 1)`);
  await bank.authorize();
  let answered = false;
  const reading = bank.journal().then((rows) => {
    answered = true;
    return rows.map(({ id }) => id);
  });
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(answered).toBe(false);
  await writer.query('commit');
  expect(await reading).toEqual([1, 2, 3]);
  await writer.end();
});

test('reads the journal while it is being written → in pieces it has no gap', async () => {
  const writing = Promise.all(
    Array.from({ length: 10 }, async () => {
      for (let index = 0; index < 20; index++) await bank.authorize();
    }),
  );
  let done = false;
  void writing.then(() => (done = true));
  const seen: number[] = [];
  for (let last = false; ; last = done) {
    const after = seen.at(-1) ?? 0;
    const rows = (await bank.call(`/journal?after=${after}`)).body as unknown as { id: number }[];
    seen.push(...rows.map(({ id }) => id));
    if (last && rows.length === 0) break;
  }
  expect(seen).toEqual((await bank.journal()).map(({ id }) => id));
  expect(seen).toHaveLength(200);
});

test('abandons → a journal row for the tombstone and for the closed challenge, none the second time', async () => {
  const unused = newKey();
  const challenged = authorization({ method: 'netbanking', instrument: {} });
  await bank.call('/authorizations', challenged);
  for (const key of [unused, unused, challenged.key, challenged.key]) {
    expect((await bank.call('/abandon', { key })).body).toEqual({ type: 'abandoned' });
  }
  expect((await bank.journal()).map(({ kind, key, amount }) => [kind, key, amount])).toEqual([
    ['abandon', unused, 0],
    ['abandon', challenged.key, 0],
  ]);
});

test('uses a key again: the same request → the same answer, another one → 422', async () => {
  const request = authorization();
  const first = await bank.call('/authorizations', request);
  expect(await bank.call('/authorizations', request)).toEqual(first);
  const other = await bank.call('/authorizations', { ...request, amount: 1 });
  expect(other).toEqual({ status: 422, body: { error: 'key_used_with_another_request' } });
  const { key, order_ref, amount, currency } = request;
  const { reference } = first.body.outcome;
  const step = { key, order_ref, reference, amount, currency };
  expect((await bank.call('/captures', step)).status).toBe(422);
  expect(await bank.journal()).toHaveLength(1);
});

test('steps on a reference that nobody knows, or in another currency → account_not_found', async () => {
  const { reference } = await bank.authorize();
  const step = { key: newKey(), order_ref: 'pf_order_test', reference, amount: 100, currency: 'USD' };
  const outcomes = [
    await bank.call('/captures', step),
    await bank.call('/captures', { ...step, key: newKey(), reference: 'bnk_none', currency: 'INR' }),
    await bank.call('/refunds', { ...step, key: newKey() }),
  ].map(({ body }) => body.outcome.reason);
  expect(outcomes).toEqual(['account_not_found', 'account_not_found', 'account_not_found']);
});

test('abandons a capture → 422, it stays', async () => {
  const { reference } = await bank.authorize();
  const step = { key: newKey(), order_ref: 'pf_order_test', reference, amount: 100, currency: 'INR' };
  await bank.call('/captures', step);
  expect((await bank.call('/abandon', { key: step.key })).status).toBe(422);
  const { body } = await bank.call(`/operations/${encodeURIComponent(step.key)}`);
  expect(body.outcome.type).toBe('approved');
});

test('without the API key, or with a wrong one → 401; /health needs none', async () => {
  for (const [path, method] of [
    ['/journal', 'GET'],
    ['/faults', 'GET'],
    ['/operations/x', 'GET'],
    ['/authorizations', 'POST'],
    ['/pages/bnk_x/approve', 'POST'],
  ] as const) {
    expect((await fetch(bank.url() + path, { method })).status).toBe(401);
    const headers = { authorization: 'Bearer test-api-kez' };
    expect((await fetch(bank.url() + path, { method, headers })).status).toBe(401);
  }
  expect((await fetch(`${bank.url()}/health`)).status).toBe(200);
});

test('authorizes with a property too many → 422 that names it, nothing happens', async () => {
  const { status, body } = await bank.call('/authorizations', { ...authorization(), surplus: 1 });
  expect(status).toBe(422);
  expect(JSON.stringify(body)).toContain('surplus');
  expect(await bank.journal()).toEqual([]);
});

test('bodies that are no JSON or too large → 4xx, an unknown path → 404', async () => {
  const headers = { authorization: 'Bearer test-api-key', 'content-type': 'application/json' };
  const post = (body: string) => fetch(`${bank.url()}/captures`, { method: 'POST', headers, body });
  expect((await post('{')).status).toBe(400);
  expect((await post(JSON.stringify({ key: 'x'.repeat(70_000) }))).status).toBe(413);
  expect((await bank.call('/nothing')).status).toBe(404);
});

test('restarts → every answer and every row is still there', async () => {
  const request = authorization();
  const before = await bank.call('/authorizations', request);
  const waiting = authorization({ instrument: { vpa: 'pending@payflow' } });
  await bank.call('/authorizations', waiting);
  const journal = await bank.journal();
  await bank.restart();
  expect(await bank.call('/authorizations', request)).toEqual(before);
  expect(await bank.journal()).toEqual(journal);
  expect((await bank.call('/abandon', { key: waiting.key })).body).toEqual({ type: 'not_yet' });
});

test('the journal cannot be changed', async () => {
  await bank.authorize();
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  for (const statement of ['update journal set amount = 1', 'delete from journal', 'truncate journal']) {
    await expect(client.query(statement)).rejects.toThrow('append-only');
  }
  await client.end();
});

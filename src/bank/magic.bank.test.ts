import pg from 'pg';
import { createEmptyDatabase, type TestDatabase } from '../testing/database.ts';
import { authorization, eventually, newKey, startTestBank, type TestBank } from './test-bank.ts';

const SLOW_ANSWER_MS = 300;
const SILENCE_MS = 400;

let database: TestDatabase;
let bank: TestBank;

beforeAll(async () => {
  database = await createEmptyDatabase();
  bank = await startTestBank({
    databaseUrl: database.url,
    timing: { slowAnswerMs: SLOW_ANSWER_MS, silenceMs: SILENCE_MS, lateSuccessMs: 600 },
  });
});
afterAll(async () => {
  await bank.close();
  await database.drop();
});

const lookUp = async (key: string) => {
  const { body } = await bank.call(`/operations/${encodeURIComponent(key)}`);
  return body.outcome;
};
const journalOf = async (key: string) => (await bank.journal()).filter((row) => row.key === key);

test.each([
  ['success@payflow', { type: 'approved' }],
  ['anybody@okbank', { type: 'approved' }],
  ['failure@payflow', { type: 'declined', reason: 'payment_declined' }],
  ['insufficient@payflow', { type: 'declined', reason: 'insufficient_funds' }],
])('VPA %s → %j', async (vpa, outcome) => {
  const key = newKey();
  expect(await bank.authorize({ key, instrument: { vpa } })).toMatchObject(outcome);
  expect(await journalOf(key)).toHaveLength(outcome.type === 'approved' ? 1 : 0);
});

test.each([
  ['4111111111111111', { type: 'approved' }],
  ['5555555555554444', { type: 'approved' }],
  ['6074820000000009', { type: 'approved' }],
  ['378282246310005', { type: 'approved' }],
  ['4000000000000002', { type: 'declined', reason: 'payment_declined' }],
  ['4000000000009995', { type: 'declined', reason: 'insufficient_funds' }],
  ['4000000000000069', { type: 'declined', reason: 'card_expired' }],
  ['4000000000000127', { type: 'declined', reason: 'incorrect_cvv' }],
  ['4000002760003184', { type: 'requires_action', action: { type: 'redirect', intent_url: null } }],
])('card %s → %j', async (number, outcome) => {
  const instrument = { card_token: await bank.tokenize(number) };
  expect(await bank.authorize({ method: 'card', instrument })).toMatchObject(outcome);
});

test.each([
  ['netbanking', { bank_code: 'SUCC' }, { type: 'approved' }],
  ['netbanking', { bank_code: 'FAIL' }, { type: 'declined', reason: 'payment_declined' }],
  ['netbanking', {}, { type: 'requires_action', action: { type: 'redirect' } }],
  ['wallet', { wallet: 'w', otp: '1234' }, { type: 'approved' }],
  ['wallet', { wallet: 'w', otp: '123' }, { type: 'declined', reason: 'payment_declined' }],
  ['wallet', { wallet: 'w' }, { type: 'requires_action', action: { type: 'otp' } }],
])('%s with %j → %j', async (method, instrument, outcome) => {
  expect(await bank.authorize({ method, instrument: instrument as Record<string, string> })).toMatchObject(
    outcome,
  );
});

test('pending@payflow → a page, a UPI link with the amount, a quarter of an hour', async () => {
  const { type, action } = await bank.authorize({ amount: 49_905, instrument: { vpa: 'pending@payflow' } });
  expect(type).toBe('requires_action');
  expect(action.type).toBe('upi_intent');
  expect(action.intent_url).toMatch(/^upi:\/\/pay\?.*am=499\.05&cu=INR$/);
  const minutes = (Date.parse(action.expires_at) - Date.now()) / 60_000;
  expect(minutes).toBeCloseTo(15, 0);
});

test('timeout@payflow → takes the money, never answers, also not the second time; asked, it is approved', async () => {
  const request = authorization({ instrument: { vpa: 'timeout@payflow' } });
  const from = Date.now();
  const calls = [0, 1].map(() => bank.call('/authorizations', request));
  await eventually(async () => ((await lookUp(request.key)).type === 'approved' ? true : undefined));
  const results = await Promise.allSettled(calls);
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(Date.now() - from).toBeGreaterThanOrEqual(SILENCE_MS);
  expect(await journalOf(request.key)).toHaveLength(1);
});

test('timeout@payflow with an abandoned key → told at once that it is', async () => {
  const request = authorization({ instrument: { vpa: 'timeout@payflow' } });
  await bank.call('/abandon', { key: request.key });
  const { outcome } = (await bank.call('/authorizations', request)).body;
  expect(outcome).toMatchObject({ type: 'declined', reason: 'authorization_abandoned' });
});

test('card 4000000000006975 → takes the money at once and answers late', async () => {
  const instrument = { card_token: await bank.tokenize('4000000000006975') };
  const request = authorization({ method: 'card', instrument });
  const from = Date.now();
  const call = bank.call('/authorizations', request);
  await eventually(async () => ((await lookUp(request.key)).type === 'approved' ? true : undefined));
  expect(Date.now() - from).toBeLessThan(SLOW_ANSWER_MS);
  expect((await call).body.outcome.type).toBe('approved');
  expect(Date.now() - from).toBeGreaterThanOrEqual(SLOW_ANSWER_MS);
});

test('late@payflow → silent, declined when first asked, then approved with one hold', async () => {
  const request = authorization({ instrument: { vpa: 'late@payflow' } });
  const results = await Promise.allSettled([0, 1].map(() => bank.call('/authorizations', request)));
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  const declined = { type: 'declined', reason: 'payment_declined', reference: null };
  expect(await lookUp(request.key)).toEqual(declined);
  expect(await lookUp(request.key)).toEqual(declined);
  expect(await journalOf(request.key)).toHaveLength(0);
  const abandoned = await bank.call('/abandon', { key: request.key });
  expect(abandoned.body).toEqual({ type: 'not_yet' });
  const outcome = await eventually(async () => {
    const seen = await lookUp(request.key);
    return seen.type === 'approved' ? seen : undefined;
  });
  expect(await journalOf(request.key)).toMatchObject([{ kind: 'authorize', amount: request.amount }]);
  expect((await bank.call('/authorizations', request)).body.outcome).toEqual(outcome);
  expect((await bank.call('/abandon', { key: request.key })).body).toEqual({ type: 'happened', outcome });
});

test('late@payflow first asked about by an abandon → not_yet, then happened', async () => {
  const request = authorization({ instrument: { vpa: 'late@payflow' } });
  await bank.call('/authorizations', request).catch(() => undefined);
  const answers = new Set<unknown>();
  await eventually(async () => {
    const { body } = await bank.call('/abandon', { key: request.key });
    answers.add(body['type']);
    return body['type'] === 'happened' ? true : undefined;
  });
  expect([...answers]).toEqual(['not_yet', 'happened']);
});

test('a late success comes when POST /faults says', async () => {
  await bank.call('/faults', { late_success_ms: 0 });
  const request = authorization({ instrument: { vpa: 'late@payflow' } });
  await bank.call('/authorizations', request).catch(() => undefined);
  expect((await lookUp(request.key)).type).toBe('declined');
  await eventually(async () => ((await lookUp(request.key)).type === 'approved' ? true : undefined), 500);
  await bank.call('/faults', undefined, 'DELETE');
});

test('a refund ending in 13 → pending until it is settled, then processed, once', async () => {
  const step = { ...(await bank.captured(10_000)), amount: 1_013 };
  expect((await bank.call('/refunds', step)).body.outcome).toEqual({
    type: 'pending',
    reference: expect.stringMatching(/^bnk_/),
  });
  expect(await journalOf(step.key)).toHaveLength(0);
  const path = `/refunds/${encodeURIComponent(step.key)}/settle`;
  expect((await bank.call(path, { outcome: 'processed' })).body.outcome.type).toBe('approved');
  expect((await bank.call(path, { outcome: 'processed' })).status).toBe(409);
  expect((await lookUp(step.key)).type).toBe('approved');
  expect((await bank.call('/refunds', step)).body.outcome.type).toBe('approved');
  expect(await journalOf(step.key)).toMatchObject([{ kind: 'refund', amount: 1_013 }]);
});

test('a pending refund reserves its amount, a declined one gives it free', async () => {
  const step = { ...(await bank.captured(10_000)), amount: 9_913 };
  await bank.call('/refunds', step);
  const other = { ...step, key: newKey(), amount: 88 };
  expect((await bank.call('/refunds', other)).body.outcome.type).toBe('declined');
  const path = `/refunds/${encodeURIComponent(step.key)}/settle`;
  const settled = await bank.call(path, { outcome: 'declined' });
  expect(settled.body.outcome).toMatchObject({ type: 'declined', reason: 'refund_declined' });
  const again = { ...other, key: newKey() };
  expect((await bank.call('/refunds', again)).body.outcome.type).toBe('approved');
});

test('a refund ending in 17 → declined, nothing is given back', async () => {
  const step = { ...(await bank.captured(10_000)), amount: 117 };
  const { outcome } = (await bank.call('/refunds', step)).body;
  expect(outcome).toMatchObject({ type: 'declined', reason: 'refund_declined' });
  expect(await journalOf(step.key)).toHaveLength(0);
});

test('tokenises → the vault holds neither the number nor the CVV', async () => {
  const number = '4242424242424242';
  const card = { number, expiry_month: 12, expiry_year: 2099, cvv: '7391', name: 'Jane Doe' };
  const { status, body } = await bank.call('/tokens', card);
  expect({ status, body }).toEqual({
    status: 201,
    body: { token: expect.stringMatching(/^tok_/), last4: '4242', network: 'Visa' },
  });
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  const { rows } = await client.query('select * from card_tokens where last4 = $1', ['4242']);
  await client.end();
  const stored = JSON.stringify(rows);
  expect(rows).toHaveLength(1);
  for (const secret of [number, card.cvv, card.name]) expect(stored).not.toContain(secret);
});

test.each([
  ['number', '4111111111111112'],
  ['number', '4111-1111-1111-1111'],
  ['cvv', '12'],
  ['expiry_month', 13],
])('tokenises with %s %s → 422 that does not repeat it', async (field, value) => {
  const card = {
    number: '4111111111111111',
    expiry_month: 12,
    expiry_year: 2099,
    cvv: '123',
    [field]: value,
  };
  const { status, body } = await bank.call('/tokens', card);
  expect(status).toBe(422);
  expect(JSON.stringify(body)).toContain(`"path":"${field}"`);
  expect(JSON.stringify(body)).not.toContain('4111');
});

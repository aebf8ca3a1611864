import { startGateway, type Gateway } from '../../testing/gateway.ts';
import type { Answered } from '../../testing/api.ts';

let gateway: Gateway;
beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());
afterEach(() => gateway.lab.bank.faults(null));

const UPI = { method: 'upi', vpa: 'success@payflow' };

const times = <T>(count: number, work: (index: number) => Promise<T>) =>
  Promise.all(Array.from({ length: count }, (_, index) => work(index)));
const withKey = (key: string) => ({ 'idempotency-key': key });
const statuses = (answers: readonly Answered[]) => answers.map(({ status }) => status);
const isReplay = ({ headers }: Answered) => headers['idempotent-replayed'] === 'true';

test('50 twins of one key → one reply, byte-equal', async () => {
  const orderRef = await gateway.order();
  const answers = await times(50, () => gateway.pay(orderRef, UPI, withKey('twins')));
  answers.push(await gateway.pay(orderRef, UPI, withKey('twins')));
  expect(new Set(answers.map(({ status, body }) => `${status} ${JSON.stringify(body)}`)).size).toBe(1);
  expect(new Set(answers.map(({ headers }) => JSON.stringify(withoutNames(headers)))).size).toBe(1);
  expect(answers.filter((answer) => !isReplay(answer))).toHaveLength(1);
  expect(answers[0]?.body).toMatchObject({ status: 'captured' });
  expect(await gateway.moves(orderRef)).toEqual(['authorize', 'capture']);
});

/** What may differ between twins. */
function withoutNames(headers: Answered['headers']) {
  const { 'x-request-id': _id, 'idempotent-replayed': _replayed, date: _date, ...rest } = headers;
  return rest;
}

test('two keys for one order → one charge, one 409', async () => {
  const orderRef = await gateway.order();
  // The first is at the bank while the second comes.
  await gateway.lab.bank.faults({ latency_ms: 500, operations: ['authorize'] });
  const answers = await times(2, (index) => gateway.pay(orderRef, UPI, withKey(`two-${index}`)));
  expect(statuses(answers).toSorted((a, b) => a - b)).toEqual([200, 409]);
  expect(await gateway.moves(orderRef)).toEqual(['authorize', 'capture']);
});

test('two keys for one order at the same instant → one charge; the other is told so', async () => {
  for (const round of [1, 2, 3]) {
    const orderRef = await gateway.order();
    const answers = await times(2, (index) => gateway.pay(orderRef, UPI, withKey(`two-${round}-${index}`)));
    expect(statuses(answers).filter((status) => status === 200)).toHaveLength(1);
    const other = answers.find(({ status }) => status !== 200);
    expect(['payment_in_progress', 'order_already_paid']).toContain(String(other?.body['error']?.['reason']));
    expect(await gateway.moves(orderRef)).toEqual(['authorize', 'capture']);
  }
});

test('4 orders × 25 impatient payers without keys → one charge each, no answer of 5xx', async () => {
  const orders = await times(4, () => gateway.order());
  const answers = await Promise.all(orders.map((orderRef) => times(25, () => gateway.pay(orderRef, UPI))));
  for (const [index, orderRef] of orders.entries()) {
    const seen = statuses(answers[index] ?? []);
    expect(seen.filter((status) => status === 200)).toHaveLength(1);
    expect(seen.filter((status) => ![200, 400, 409].includes(status))).toEqual([]);
    expect(await gateway.moves(orderRef)).toEqual(['authorize', 'capture']);
  }
  const rows = await gateway.sql(
    `select order_ref from payments where order_ref = any($1) and status = 'captured'`,
    orders,
  );
  expect(rows).toHaveLength(4);
});

test('another body, another card, another method under the key → 422, and nothing is charged for it', async () => {
  const orderRef = await gateway.order();
  await gateway.pay(orderRef, { ...UPI, vpa: 'failure@payflow' }, withKey('other'));
  for (const body of [UPI, { ...UPI, vpa: 'failure@payflow', email: 'x@y.zz' }, { method: 'netbanking' }]) {
    const { status, body: answer } = await gateway.pay(orderRef, body, withKey('other'));
    expect(status).toBe(422);
    expect(answer['error']?.['reason']).toBe('idempotency_key_reused');
  }
  expect(await gateway.moves(orderRef)).toEqual([]);
});

test('the key belongs to the order: another one may use it', async () => {
  const answers = await times(2, async () => gateway.pay(await gateway.order(), UPI, withKey('shared')));
  expect(statuses(answers)).toEqual([200, 200]);
  expect(answers.filter(isReplay)).toEqual([]);
});

test.each([
  ['nothing', ''],
  ['256 characters', 'k'.repeat(256)],
  ['a blank', 'a b'],
])('a key of %s → 400', async (_, key) => {
  const { status, body } = await gateway.pay(await gateway.order(), UPI, withKey(key));
  expect(status).toBe(400);
  expect(body['error']?.['reason']).toBe('invalid_idempotency_key');
});

test('a key of 255 characters is one', async () => {
  const orderRef = await gateway.order();
  const key = '~!'.repeat(127) + 'k';
  await gateway.pay(orderRef, UPI, withKey(key));
  expect(isReplay(await gateway.pay(orderRef, UPI, withKey(key)))).toBe(true);
});

test('a decline is kept: the replay is the decline, a new key a new try', async () => {
  const orderRef = await gateway.order();
  const failing = { method: 'upi', vpa: 'failure@payflow' };
  const first = await gateway.pay(orderRef, failing, withKey('decline'));
  const replay = await gateway.pay(orderRef, failing, withKey('decline'));
  expect(isReplay(replay)).toBe(true);
  expect(replay.body).toEqual(first.body);
  expect((await gateway.call('GET', `/v1/orders/${orderRef}`)).body['attempts']).toBe(1);
  expect((await gateway.pay(orderRef, failing, withKey('decline-2'))).body['payment_ref']).not.toBe(
    first.body['payment_ref'],
  );
});

test('a 400 of the order is kept and says so when it is replayed', async () => {
  const orderRef = await gateway.order();
  await gateway.pay(orderRef, UPI);
  const [first, replay] = [
    await gateway.pay(orderRef, UPI, withKey('paid')),
    await gateway.pay(orderRef, UPI, withKey('paid')),
  ];
  expect(statuses([first, replay])).toEqual([400, 400]);
  expect([isReplay(first), isReplay(replay)]).toEqual([false, true]);
  expect(replay.body['detail']).toBe('Order already paid');
});

test('a captured payment is replayed as it was, also after its refund', async () => {
  const orderRef = await gateway.order();
  const first = await gateway.pay(orderRef, UPI, withKey('before'));
  await gateway.call('POST', `/v1/payments/${String(first.body['payment_ref'])}/refund`);
  expect((await gateway.pay(orderRef, UPI, withKey('before'))).body).toEqual(first.body);
});

test('a 422 is not kept: the key can be used for what was meant', async () => {
  const orderRef = await gateway.order();
  expect((await gateway.pay(orderRef, { method: 'upi' }, withKey('fixed'))).status).toBe(422);
  expect((await gateway.pay(orderRef, UPI, withKey('fixed'))).status).toBe(200);
});

test('a 409 is not kept: the key can be used once the way is free', async () => {
  await gateway.lab.bank.faults({ down: true });
  const orderRef = await gateway.order();
  const first = await gateway.pay(orderRef, { ...UPI, vpa: 'failure@payflow' });
  expect(first.body['phase']).toBe('unknown');
  expect((await gateway.pay(orderRef, UPI, withKey('waited'))).status).toBe(409);
  await gateway.lab.bank.faults(null);
  await gateway.reaches(String(first.body['payment_ref']), 'failed');
  const second = await gateway.pay(orderRef, UPI, withKey('waited'));
  expect(second).toMatchObject({ status: 200, body: { status: 'captured' } });
  expect(isReplay(second)).toBe(false);
});

test('the replay of a payment that has not ended shows it as it stands by now', async () => {
  const orderRef = await gateway.order();
  const first = await gateway.pay(orderRef, { method: 'upi', vpa: 'timeout@payflow' }, withKey('open'));
  expect(first).toMatchObject({ status: 200, body: { phase: 'unknown' } });
  await gateway.reaches(String(first.body['payment_ref']), 'captured');
  const replay = await gateway.pay(orderRef, { method: 'upi', vpa: 'timeout@payflow' }, withKey('open'));
  expect(replay).toMatchObject({
    status: 200,
    body: { payment_ref: first.body['payment_ref'], phase: 'captured' },
  });
  expect(isReplay(replay)).toBe(true);
});

test('a merchant that is suspended is not answered from the shelf either', async () => {
  const orderRef = await gateway.order();
  await gateway.pay(orderRef, UPI, withKey('shelf'));
  await gateway.sql('update merchants set is_active = false where id = $1', gateway.merchant.merchantId);
  const { status } = await gateway.pay(orderRef, UPI, withKey('shelf'));
  await gateway.sql('update merchants set is_active = true where id = $1', gateway.merchant.merchantId);
  expect(status).toBe(403);
});

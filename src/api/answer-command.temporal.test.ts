import { createTemporalClient } from '../temporal/client.ts';
import { createOrderEngine, type OrderEngine } from '../temporal/orders.ts';
import { startApi, type TestApi } from '../testing/api.ts';
import { startGateway, type Gateway } from '../testing/gateway.ts';
import { until } from '../testing/lab.ts';

let gateway: Gateway;
beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());

/** So long each would wait for an engine that does not answer. */
const START_MS = 2_000;
const UPI = { method: 'upi', vpa: 'success@payflow' };

describe('the engine is away', () => {
  let away: TestApi;
  let orderRef: string;
  let paid: string;
  let engine: OrderEngine;

  beforeAll(async () => {
    const temporal = { address: '127.0.0.1:1', namespace: 'default', apiKey: undefined, tls: false };
    const client = createTemporalClient(temporal);
    engine = createOrderEngine({ client, pool: gateway.lab.pool, taskQueue: gateway.lab.taskQueue });
    away = await startApi({ database: gateway.lab.database, engine });
    paid = await gateway.paid({ payment_capture: 'manual' });
    orderRef = await gateway.order();
    await gateway.pay(orderRef, { ...UPI, vpa: 'failure@payflow' }, { 'idempotency-key': 'before' });
  });
  afterAll(() => away.close());
  // An order that cannot be started is how it is noticed; nobody waits for it again for two seconds.
  beforeEach(async () => {
    await until('somebody asks it again', () => Promise.resolve(engine.available()));
    const { key: auth } = gateway.merchant;
    const { status } = await away.call('POST', '/v1/orders', { auth, body: { amount: 49_900 } });
    expect(status).toBe(201);
  });

  const commands = (ref: string) => gateway.sql('select 1 from commands where order_ref = $1', ref);

  test('a pay → 503 with Retry-After, before anything is accepted', async () => {
    const before = await commands(orderRef);
    const { status, headers, body } = await away.call('POST', `/pay/${orderRef}`, { body: UPI });
    expect(status).toBe(503);
    expect(Number(headers['retry-after'])).toBeGreaterThan(0);
    expect(body['error']).toMatchObject({ reason: 'unavailable', code: 'SERVER_ERROR', source: 'internal' });
    expect(await commands(orderRef)).toEqual(before);
    expect(await gateway.moves(orderRef)).toEqual([]);
  });

  test('a payer in front of the page is told the same in words', async () => {
    const { status, headers, body } = await away.call('POST', `/pay/${orderRef}`, {
      body: 'method=upi&vpa=success%40payflow&idempotency_key=form',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });
    expect(status).toBe(503);
    expect(headers['retry-after']).toBe('2');
    expect(String(body)).toContain('Temporarily unavailable');
  });

  test.each(['capture', 'void', 'refund'])('a %s → 503; of an unknown payment → 404', async (verb) => {
    const { key: auth } = gateway.merchant;
    const answer = await away.call('POST', `/v1/payments/${paid}/${verb}`, { auth });
    expect(answer.status).toBe(503);
    expect(answer.headers['retry-after']).toBe('2');
    const unknown = await away.call('POST', `/v1/payments/pf_pay_00000000000000000000/${verb}`, { auth });
    expect(unknown.status).toBe(404);
  });

  test('what was answered before is answered again', async () => {
    const body = { ...UPI, vpa: 'failure@payflow' };
    const headers = { 'idempotency-key': 'before' };
    const replay = await away.call('POST', `/pay/${orderRef}`, { body, headers });
    expect(replay).toMatchObject({ status: 200, body: { status: 'failed' } });
    const { key: auth } = gateway.merchant;
    const ref = await gateway.paid();
    const path = `/v1/payments/${ref}/refund`;
    const first = await gateway.call('POST', path, { headers: { 'idempotency-key': 'refund' } });
    const second = await away.call('POST', path, { auth, headers: { 'idempotency-key': 'refund' } });
    expect(second.status).toBe(201);
    expect(second.body).toEqual(first.body);
  });

  test('reads go on', async () => {
    const { key: auth } = gateway.merchant;
    expect((await away.call('GET', `/v1/payments/${paid}`, { auth })).status).toBe(200);
    expect((await away.call('GET', `/pay/${orderRef}`)).status).toBe(200);
  });

  test('an order created within these two seconds is not kept waiting for it', async () => {
    const { key: auth } = gateway.merchant;
    const asked = performance.now();
    for (let count = 0; count < 3; count += 1) {
      await away.call('POST', '/v1/orders', { auth, body: { amount: 49_900 } });
    }
    expect(engine.available()).toBe(false);
    expect(performance.now() - asked).toBeLessThan(START_MS);
  });

  test('an order created meanwhile is paid once the engine is back', async () => {
    const { key: auth } = gateway.merchant;
    const { body } = await away.call('POST', '/v1/orders', { auth, body: { amount: 700 } });
    expect((await gateway.pay(String(body['order_ref']), UPI)).body['status']).toBe('captured');
  });
});

describe('the worker is away', () => {
  test('a pay → 202 and submitted everywhere; when it is back the same payment is captured, once', async () => {
    const orderRef = await gateway.order();
    const headers = { 'idempotency-key': 'slow' };
    await gateway.lab.pauseWorker();
    const [first, twin] = [gateway.pay(orderRef, UPI, headers), afterAcceptance(orderRef, headers)];
    await expectSubmitted(orderRef);
    const accepted = await first;
    expect(accepted.status).toBe(202);
    // One order that is not answered is no reason to refuse all others.
    expect(gateway.lab.engine.available()).toBe(true);
    expect(accepted.body).toMatchObject({
      status: 'created',
      phase: 'submitted',
      method: 'upi',
      vpa: 'success@payflow',
      amount: 49_900,
      amount_captured: 0,
      authorized_at: null,
      next_action: null,
    });
    expect(await twin).toMatchObject({ status: 409, body: { error: { reason: 'idempotency_key_in_use' } } });
    expect((await twin).headers['retry-after']).toBe('2');
    const ref = String(accepted.body['payment_ref']);
    expect((await gateway.call('GET', `/v1/payments/${ref}`)).body).toEqual(accepted.body);
    await gateway.lab.startWorker();
    // Its update may be lost by now: then the sweep drives it again.
    await until(`${ref} is captured`, async () => {
      const { body } = await gateway.call('GET', `/v1/payments/${ref}`);
      return String(body['phase']) === 'captured';
    });
    const replay = await gateway.pay(orderRef, UPI, headers);
    expect(replay).toMatchObject({ status: 200, body: { payment_ref: ref, status: 'captured' } });
    expect(replay.headers['idempotent-replayed']).toBe('true');
    expect(await gateway.moves(orderRef)).toEqual(['authorize', 'capture']);
  }, 60_000);
});

/** What everybody sees of a pay that is accepted and not carried out. */
async function expectSubmitted(orderRef: string): Promise<void> {
  const path = `/v1/orders/${orderRef}/payments`;
  await until('the pay is accepted', async () => (await gateway.call('GET', path)).body.length > 0);
  const { body } = await gateway.call('GET', path);
  expect(body).toMatchObject([{ phase: 'submitted', status: 'created' }]);
  const ref = String(body[0]?.['payment_ref']);
  const page = String((await gateway.api.call('GET', `/pay/${orderRef}`)).body);
  expect(page).toContain('Waiting for the bank to confirm');
  expect(page).not.toContain('<form');
  const second = await gateway.pay(orderRef, UPI);
  expect(second).toMatchObject({ status: 409, body: { error: { reason: 'payment_in_progress' } } });
  const capture = await gateway.call('POST', `/v1/payments/${ref}/capture`);
  expect(capture).toMatchObject({ status: 409, body: { error: { reason: 'command_in_progress' } } });
  expect((await gateway.call('GET', `/v1/payments/${ref}/refunds`)).body).toEqual([]);
}

async function afterAcceptance(orderRef: string, headers: Record<string, string>) {
  await until('the pay is accepted', async () => {
    const rows = await gateway.sql(`select 1 from commands where order_ref = $1 and kind = 'pay'`, orderRef);
    return rows.length > 0;
  });
  return gateway.pay(orderRef, UPI, headers);
}

import { createHmac } from 'node:crypto';
import { connectClient } from '../temporal.ts';
import { startReceiver, type Receiver } from '../receiver.ts';
import { startStack, type TestStack } from '../processes.ts';
import { until } from '../lab.ts';
import { call, registerMerchant, type Json, type MerchantAccount } from './http.ts';
import { openShop } from './shop.ts';

/** The real processes over HTTP: bank, API and worker, a real Temporal, a real Postgres. */

let stack: TestStack;
let shop: Receiver;
let merchant: MerchantAccount;
let books: ReturnType<typeof openShop>;

beforeAll(async () => {
  shop = await startReceiver((response) => response.end('ok'));
  stack = await startStack();
  merchant = await registerMerchant(stack.urls.api, shop.url);
  books = openShop(stack, merchant);
}, 120_000);
afterAll(async () => {
  await stack.stop();
  await shop.close();
}, 30_000);

const order = async (body: object = { amount: 49_900, currency: 'INR', receipt: 'order_1234' }) =>
  (await call(stack.urls.api, 'POST', '/v1/orders', { auth: merchant.key, body })).body;
const pay = (ref: string, headers: Record<string, string> = {}, vpa = 'success@payflow') =>
  call(stack.urls.api, 'POST', `/pay/${ref}`, { body: { method: 'upi', vpa }, headers });

test('the guide, step by step: an order is paid, its webhooks are signed, part of it goes back', async () => {
  const created = await order();
  const paid = await pay(created['order_ref'] as string);
  expect(paid).toMatchObject({ status: 200, body: { status: 'captured', amount: 49_900 } });
  const paymentRef = paid.body['payment_ref'] as string;
  const refund = await call(stack.urls.api, 'POST', `/v1/payments/${paymentRef}/refund`, {
    auth: merchant.key,
    body: { amount: 10_000, reason: 'customer_request', notes: 'Order returned by customer' },
  });
  expect(refund).toMatchObject({ status: 201, body: { amount: 10_000, status: 'processed' } });
  const eventsOf = () =>
    shop.received
      .map(({ body }) => JSON.parse(body) as Json)
      .filter((event) => payloadRef(event) === paymentRef);
  await until('three webhooks', async () => eventsOf().length >= 3);
  expect(eventsOf().map((event) => event['event'])).toEqual(
    expect.arrayContaining(['payment.captured', 'order.paid', 'refund.processed']),
  );
  for (const { body, headers } of shop.received) {
    const expected = createHmac('sha256', merchant.webhookSecret).update(body).digest('hex');
    expect(headers['x-payflow-signature']).toBe(expected);
  }
  await until('each is in the log', async () => {
    const logs = await call(stack.urls.api, 'GET', '/v1/webhooks/logs', { auth: merchant.key });
    return logs.body['length'] === shop.received.length;
  });
});

function payloadRef(event: Json): unknown {
  return (event['payload'] as Json)['payment_ref'];
}

test('the run is found under its ref, with readable steps', async () => {
  const created = await order();
  const ref = created['order_ref'] as string;
  const client = await connectClient(stack.namespace);
  try {
    expect((await client.workflow.getHandle(ref).describe()).historyLength).toBe(1);
    await pay(ref);
    await until(
      'closed',
      async () => (await client.workflow.getHandle(ref).describe()).status.name === 'COMPLETED',
    );
    const { historyLength, staticSummary } = (await client.workflow.getHandle(ref).describe()) as {
      historyLength: number;
      staticSummary?: () => Promise<string | undefined>;
    };
    expect(historyLength).toBeLessThanOrEqual(12);
    expect(await staticSummary?.()).toBe("₹499.00, Jane's Store");
  } finally {
    await client.connection.close();
  }
});

test('the worker is killed with -9 in the middle of a payment → one charge, one answer', async () => {
  const ref = (await order())['order_ref'] as string;
  await books.faults({ latency_ms: 600, operations: ['capture'] });
  const paying = pay(ref, { 'idempotency-key': 'the-one' });
  // Authorized, and the capture under way.
  await until('authorized at the bank', async () => (await books.moves(ref)).includes('authorize'));
  await stack.kill('worker');
  await books.faults(null);
  await stack.restart('worker');
  const first = await paying;
  expect([200, 202]).toContain(first.status);
  await until('captured', async () => {
    const again = await pay(ref, { 'idempotency-key': 'the-one' });
    return again.status === 200 && again.body['status'] === 'captured';
  });
  expect(await books.moves(ref)).toEqual(['authorize', 'capture']);
}, 60_000);

test('20 orders × 50 parallel pays each → 20 charges, every reply the same success, 400 or 409', async () => {
  const refs = await Promise.all(
    Array.from({ length: 20 }, async () => (await order())['order_ref'] as string),
  );
  const answers = await Promise.all(
    refs.flatMap((ref) => Array.from({ length: 50 }, async () => ({ ref, ...(await pay(ref)) }))),
  );
  for (const ref of refs) {
    expect(await books.moves(ref)).toEqual(['authorize', 'capture']);
    const mine = answers.filter((answer) => answer.ref === ref);
    expect(new Set(mine.map(({ status }) => status))).not.toContain(500);
    const successes = mine.filter(({ status }) => status === 200);
    expect(successes).toHaveLength(1);
    expect(mine.filter(({ status }) => status === 400 || status === 409)).toHaveLength(49);
  }
}, 120_000);

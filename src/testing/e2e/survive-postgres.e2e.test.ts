import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { until } from '../lab.ts';
import { startOwnPostgres, type OwnPostgres } from '../own-servers.ts';
import { startStack, type TestStack } from '../processes.ts';
import { startReceiver, type Receiver } from '../receiver.ts';
import { connectClient } from '../temporal.ts';
import { registerMerchant } from './http.ts';
import { openShop } from './shop.ts';

/** A Postgres of its own is killed between the bank's charge and `record`, and stays away for a minute. */

const PAYS = 6;
const AWAY_MS = 60_000;
const HEALED_MS = 10_000;
const AGAIN_MS = 200;
/** Less than the connector waits, and long enough to take Postgres away while the captures are on their way. */
const CAPTURE_MS = 650;
/** From an authorization to its capture's fence, the last thing that is read before the bank takes the money. */
const FENCE_MS = 150;
/**
 * It was 11 on a quiet machine: 9 of an undisturbed pay, and `record` once more, as an activity, however
 * often that is tried. Where a capture takes longer than the fast path allows, it is pursued in addition.
 */
const HISTORY_EVENTS_MAX = 30;

let postgres: OwnPostgres;
let stack: TestStack;
let receiver: Receiver;
let client: Client;
let shop: ReturnType<typeof openShop>;

beforeAll(async () => {
  receiver = await startReceiver((response) => response.end('ok'));
  postgres = await startOwnPostgres();
  stack = await startStack({ databaseUrl: postgres.databaseUrl });
  client = await connectClient(stack.namespace);
  shop = openShop(stack, await registerMerchant(stack.urls.api, receiver.url));
}, 120_000);
afterAll(async () => {
  await client.connection.close();
  await stack.stop();
  await postgres.stop();
  await receiver.close();
}, 30_000);

test('Postgres away for 60 s during record → the run heals within 10 s of its return, bounded history', async () => {
  const [warm = '', ...orders] = await shop.createOrders(1 + PAYS);
  expect((await shop.pay(warm, { key: warm })).status).toBe(200);
  await shop.faults({ latency_ms: CAPTURE_MS, operations: ['capture'] });
  const answers = Promise.all(orders.map((orderRef) => shop.pay(orderRef, { key: orderRef })));
  await until('all are authorized', () => haveAll(orders, 'authorize'));
  await sleep(FENCE_MS);
  const killedAt = Date.now();
  await postgres.kill();
  await until('the money is taken', () => haveAll(orders, 'capture'));

  // Nobody could write that down, so nobody is told: neither that it failed nor that it was taken.
  for (const answer of await answers) expect(answer).toMatchObject(UNAVAILABLE);
  expect(await shop.createOrder()).toMatchObject(UNAVAILABLE);
  await sleep(AWAY_MS - (Date.now() - killedAt));

  await postgres.restart();
  const backAt = Date.now();
  const again = await Promise.all(orders.map((orderRef) => untilCaptured(orderRef, backAt + HEALED_MS)));
  for (const answer of again) expect(answer).toMatchObject({ status: 200, body: { status: 'captured' } });
  const lengths = await Promise.all(orders.map(historyLength));
  expect(Math.max(...lengths)).toBeLessThanOrEqual(HISTORY_EVENTS_MAX);
  for (const orderRef of orders) expect(await shop.moves(orderRef)).toEqual(['authorize', 'capture']);
}, 150_000);

const UNAVAILABLE = { status: 503, retryAfter: '2', body: { error: { reason: 'unavailable' } } };

async function haveAll(orders: readonly string[], kind: string): Promise<boolean> {
  const done = (await shop.journal()).filter((row) => row.kind === kind);
  return orders.every((orderRef) => done.some((row) => row.order_ref === orderRef));
}

/** The payer's program sends the same request again, as it was told to, while there is time. */
async function untilCaptured(orderRef: string, deadline: number) {
  for (;;) {
    const signal = AbortSignal.timeout(Math.max(1, deadline - Date.now()));
    const answer = await shop.pay(orderRef, { key: orderRef, signal });
    if (answer.body['status'] === 'captured' || Date.now() > deadline) return answer;
    await sleep(AGAIN_MS);
  }
}

async function historyLength(orderRef: string): Promise<number> {
  return (await client.workflow.getHandle(orderRef).describe()).historyLength;
}

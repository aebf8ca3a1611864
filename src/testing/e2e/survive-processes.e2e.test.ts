import type { Client } from '@temporalio/client';
import pg from 'pg';
import { until } from '../lab.ts';
import { startStack, type TestStack } from '../processes.ts';
import { startReceiver, type Receiver } from '../receiver.ts';
import { connectClient } from '../temporal.ts';
import { registerMerchant } from './http.ts';
import { openShop } from './shop.ts';

/** Real processes that die at a bad moment, and what the sweep of the worker makes good. */

const DISPATCHER = 'webhook-dispatcher';
const DISPATCHER_BACK_MS = 60_000;
const WIDOWED_SECONDS = 15;

let stack: TestStack;
let receiver: Receiver;
let shop: ReturnType<typeof openShop>;
let client: Client;
let tables: pg.Client;

beforeAll(async () => {
  receiver = await startReceiver((response) => response.end('ok'));
  stack = await startStack();
  shop = openShop(stack, await registerMerchant(stack.urls.api, receiver.url));
  client = await connectClient(stack.namespace);
  tables = new pg.Client({ connectionString: stack.databaseUrl });
  await tables.connect();
}, 120_000);
afterAll(async () => {
  await tables.end();
  await client.connection.close();
  await stack.stop();
  await receiver.close();
}, 30_000);

async function createOrder(): Promise<string> {
  const [orderRef = ''] = await shop.createOrders(1);
  return orderRef;
}

test('webhook-dispatcher terminated → running again within 60 s', async () => {
  const isRunning = async () =>
    (await client.workflow.getHandle(DISPATCHER).describe()).status.name === 'RUNNING';
  await until('the dispatcher runs', isRunning);
  await client.workflow.getHandle(DISPATCHER).terminate('by hand');
  expect(await isRunning()).toBe(false);
  await until('the dispatcher runs again', isRunning, DISPATCHER_BACK_MS);
  const orderRef = await createOrder();
  await shop.pay(orderRef, { key: 'after-the-dispatcher' });
  await until('its webhook', () =>
    Promise.resolve(receiver.received.some(({ body }) => body.includes(orderRef))),
  );
}, 90_000);

test('API killed between row and update → answered by the sweep', async () => {
  const orderRef = await createOrder();
  const open = async () => {
    const { rows } = await tables.query<{ id: string }>(
      `select id from commands where order_ref = $1 and kind = 'pay' and reply is null`,
      [orderRef],
    );
    return rows[0]?.id;
  };
  // Nobody takes the update from the engine; then it is gone with its run, as if it had never been sent.
  await stack.kill('worker');
  const lost = shop.pay(orderRef, { key: 'the-one' }).then(
    () => 'an answer',
    () => 'no answer',
  );
  await until('the row', async () => (await open()) !== undefined);
  await stack.kill('api');
  expect(await lost).toBe('no answer');
  await client.workflow.getHandle(orderRef).terminate('with the update in it');
  const commandId = await open();
  await tables.query(`update commands set accepted_at = accepted_at - $2 * interval '1 s' where id = $1`, [
    commandId,
    WIDOWED_SECONDS,
  ]);
  await Promise.all([stack.restart('api'), stack.restart('worker')]);
  await until('an answer', async () => (await open()) === undefined);
  const again = await shop.pay(orderRef, { key: 'the-one' });
  expect(again).toMatchObject({ status: 200, body: { status: 'captured', amount: 49_900 } });
  expect(await shop.moves(orderRef)).toEqual(['authorize', 'capture']);
}, 60_000);

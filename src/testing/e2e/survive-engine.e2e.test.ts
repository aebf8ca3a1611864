import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { until } from '../lab.ts';
import { startOwnTemporal, type OwnTemporal } from '../own-servers.ts';
import { startStack, type TestStack } from '../processes.ts';
import { startReceiver, type Receiver } from '../receiver.ts';
import { registerMerchant } from './http.ts';
import { openShop } from './shop.ts';

/** A Temporal of its own is killed while people pay, and comes back a minute later over the same file. */

const AWAY_MS = 60_000;
const PAYERS = 6;
const PAYS_EACH = 40;
/** Between two pays of one payer, and between two new orders. */
const PAUSE_MS = 2_000;
/** A pay takes so long at least that some are always under way. */
const BANK_MS = 400;
/** After Temporal is back. It was 21 s: tasks that died with it time out after 10 s, and the sweep comes again after 15 s. */
const ANSWERED_MS = 40_000;

interface Paid {
  readonly orderRef: string;
  readonly status: number;
}

let temporal: OwnTemporal;
let stack: TestStack;
let receiver: Receiver;
let tables: pg.Client;
let shop: ReturnType<typeof openShop>;

beforeAll(async () => {
  receiver = await startReceiver((response) => response.end('ok'));
  temporal = await startOwnTemporal();
  stack = await startStack({ temporal });
  tables = new pg.Client({ connectionString: stack.databaseUrl });
  await tables.connect();
  shop = openShop(stack, await registerMerchant(stack.urls.api, receiver.url));
}, 120_000);
afterAll(async () => {
  await tables.end();
  await stack.stop();
  await temporal.stop();
  await receiver.close();
}, 30_000);

test('Temporal away for 60 s during pays → 202 or 503, then each accepted command answered', async () => {
  const orders = await shop.createOrders(PAYERS * PAYS_EACH);
  await shop.faults({ latency_ms: BANK_MS, operations: ['authorize'] });
  const paid: Paid[] = [];
  let open = true;
  const people = [
    createAndRead(() => open),
    ...Array.from({ length: PAYERS }, () => payOneByOne(orders, paid, () => open)),
  ];
  await until('people pay', () => Promise.resolve(paid.length >= PAYERS));
  await temporal.kill();
  await sleep(AWAY_MS);
  await temporal.restart();
  open = false;
  await Promise.all(people);

  const statuses = paid.map(({ status }) => status);
  expect(statuses).toContain(202);
  expect(statuses).toContain(503);
  await until('no command without a reply', async () => (await openCommands()) === 0, ANSWERED_MS);
  for (const { orderRef, status } of paid) {
    if (status === 503) continue;
    const again = await shop.pay(orderRef, { key: orderRef });
    expect(again).toMatchObject({ status: 200, body: { status: 'captured' } });
    expect(await shop.moves(orderRef)).toEqual(['authorize', 'capture']);
  }
}, 200_000);

/** What needs no engine goes on without it. */
async function createAndRead(isOpen: () => boolean): Promise<void> {
  while (isOpen()) {
    const created = await shop.createOrder();
    expect(created.status).toBe(201);
    expect((await shop.order(String(created.body['order_ref']))).status).toBe(200);
    await sleep(PAUSE_MS);
  }
}

async function payOneByOne(orders: string[], paid: Paid[], isOpen: () => boolean): Promise<void> {
  while (isOpen()) {
    const orderRef = orders.pop()!;
    const answer = await shop.pay(orderRef, { key: orderRef });
    const { status } = answer;
    if (status === 503) {
      expect(answer).toMatchObject({ retryAfter: '2', body: { error: { reason: 'unavailable' } } });
    } else {
      expect([200, 202]).toContain(status);
      expect(answer.body['status']).not.toBe('failed');
    }
    paid.push({ orderRef, status });
    await sleep(PAUSE_MS);
  }
}

async function openCommands(): Promise<number> {
  const { rowCount } = await tables.query('select 1 from commands where reply is null');
  return rowCount ?? 0;
}

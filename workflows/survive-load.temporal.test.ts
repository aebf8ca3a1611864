import { setTimeout as sleep } from 'node:timers/promises';
import type { Connector } from '../src/connectors/connector.ts';
import type { OrderLabel } from '../src/db/orders.ts';
import { payRequest } from '../src/testing/factories.ts';
import { startLab, until, type Lab } from '../src/testing/lab.ts';
import { takeTurn, TURN_MS_MAX } from '../src/testing/turn.ts';

/** A bank call inside a workflow task holds a slot that others need: the fast lane is bounded. */

const BANK_MS = 1_900;
const SLOW_PAYS = 200;
const UNRELATED_PAYS = 12;
const QUICK_MS = 2_000;
const FLOOD_MS_MAX = 60_000;
/** What a worker of the lab can hold of workflow tasks: Temporal's default. */
const TASK_SLOTS = 40;

/** References of the orders whose payers' bank is slow. */
const slow = new Set<string>();
const calls = { begun: 0, now: 0, atOnce: 0 };

let lab: Lab;
let giveTurnBack: () => void;
beforeAll(async () => {
  giveTurnBack = await takeTurn();
  lab = await startLab({ around: slowForSome });
}, TURN_MS_MAX);
afterAll(async () => {
  giveTurnBack();
  await lab.close();
});

/** The worst kind of line: it answers when it likes, and does not keep to the time that it was given. */
function slowForSome(connector: Connector): Connector {
  return {
    ...connector,
    authorize: async (request, options) => {
      if (!slow.has(request.orderRef)) return connector.authorize(request, options);
      calls.begun += 1;
      calls.now += 1;
      calls.atOnce = Math.max(calls.atOnce, calls.now);
      await sleep(BANK_MS);
      calls.now -= 1;
      return connector.authorize(request, options);
    },
  };
}

test('200 pays at a bank that answers in 1.9 s → unrelated orders still paid in under 2 s', async () => {
  const orders = await createOrders(SLOW_PAYS);
  for (const { orderRef } of orders) slow.add(orderRef);
  const unrelated = await createOrders(UNRELATED_PAYS);
  const flood = Promise.all(
    orders.map(async (order) => lab.engine.submit(order, await lab.accept(order, payRequest()))),
  );
  // Before that the pays wait for this machine's processors, in any lane.
  await until('the flood is at the bank', () => Promise.resolve(calls.begun >= SLOW_PAYS), FLOOD_MS_MAX);
  const times: number[] = [];
  for (const order of unrelated) {
    const from = performance.now();
    expect(await lab.pay(order)).toMatchObject({ payment: { phase: 'captured' } });
    times.push(performance.now() - from);
  }
  await flood;
  // More calls wait than tasks can: without a second lane all slots would be held, and nothing else ran.
  expect(calls.atOnce).toBeGreaterThan(TASK_SLOTS);
  expect(times.toSorted((a, b) => a - b)[UNRELATED_PAYS / 2]).toBeLessThan(QUICK_MS / 2);
  expect(Math.max(...times)).toBeLessThan(QUICK_MS);
}, 120_000);

function createOrders(count: number): Promise<OrderLabel[]> {
  return Promise.all(Array.from({ length: count }, () => lab.createOrder()));
}

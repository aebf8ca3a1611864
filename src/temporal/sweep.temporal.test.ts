import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { insertCallback } from '../db/sweep.ts';
import { NO_PAYER, payRequest } from '../testing/factories.ts';
import { startLab, until, type Lab } from '../testing/lab.ts';
import { engineReady } from './readiness.ts';
import { runSweep } from './sweep.ts';

let lab: Lab;
let stopping: AbortController;
let sweeping: Promise<void>;
let dispatcherLooks = 0;
let engineIsAway = false;

beforeAll(async () => {
  lab = await startLab();
  stopping = new AbortController();
  sweeping = runSweep(
    {
      pool: lab.pool,
      engine: lab.engine,
      logger: pino({ level: 'silent' }),
      engineReady: () => (engineIsAway ? Promise.reject(new Error('away')) : engineReady(lab.client)),
      ensureDispatcher: () => Promise.resolve((dispatcherLooks += 1)),
    },
    stopping.signal,
  );
});
afterAll(async () => {
  stopping.abort();
  await sweeping;
  await lab.close();
});

const makeOlder = (commandId: string, seconds: number) =>
  lab.pool.query(`update commands set accepted_at = accepted_at - $2 * interval '1 s' where id = $1`, [
    commandId,
    seconds,
  ]);

test('a command whose update was lost → driven and answered; its lease is given back', async () => {
  const order = await lab.createOrder();
  const command = await lab.accept(order, payRequest());
  await makeOlder(command.id, 20);
  await lab.reaches(order, 'captured');
  expect(await lab.engine.join(command.id)).toMatchObject({ ok: true, payment: { phase: 'captured' } });
  await until('no lease', async () => (await leases(order.orderRef)) === 0);
});

test('a command younger than that → left alone', async () => {
  const order = await lab.createOrder();
  await lab.accept(order, payRequest());
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  expect(await lab.events(order)).toEqual(['order.created']);
});

test('the engine is away → nothing is claimed, and no order waits longer for it afterwards', async () => {
  engineIsAway = true;
  const order = await lab.createOrder();
  const command = await lab.accept(order, payRequest());
  await makeOlder(command.id, 20);
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  expect(await leases(order.orderRef)).toBe(0);
  engineIsAway = false;
  await lab.reaches(order, 'captured');
});

test('an order that was never started and is overdue → expired', async () => {
  const order = await lab.createOrder({ expiresAt: Date.now() - 61_000 });
  await lab
    .handle(order)
    .terminate('never started')
    .catch(() => {});
  await until('expired', async () => (await lab.events(order)).at(-1) === 'order.expired');
});

test('a callback that the order does not know of after 3 s → the order is woken and asks', async () => {
  const order = await lab.createOrder();
  const command = await lab.accept(order, { ...payRequest(), method: 'netbanking', payer: NO_PAYER });
  const reply = await lab.engine.drive(order, command);
  const action = reply.ok ? reply.payment?.next_action : null;
  // The pursuit asks by itself only every few seconds and later: stop it, so that the callback alone wakes.
  await lab.handle(order).terminate('by hand');
  await fetch(`${action?.url}/approve`, { method: 'POST', redirect: 'manual' });
  const callback = { connector: 'simulator', eventId: `evt-${command.id}`, key: `${command.id}/authorize` };
  expect(await insertCallback(lab.pool, callback)).toBe(true);
  expect(await insertCallback(lab.pool, callback)).toBe(false);
  await lab.reaches(order, 'captured');
});

test('hundreds of callbacks that tell nothing new → the one behind them is not kept waiting', async () => {
  const order = await lab.createOrder();
  const command = await lab.accept(order, { ...payRequest(), method: 'netbanking', payer: NO_PAYER });
  await lab.engine.drive(order, command);
  const tell = (name: string, key: string) =>
    insertCallback(lab.pool, { connector: 'simulator', eventId: `evt-${name}`, key });
  for (let number = 0; number < 400; number += 1) await tell(`known-${number}`, `${randomUUID()}/capture`);
  await tell(`news-${command.id}`, `${command.id}/authorize`);
  const told = performance.now();
  await until('all are handled', async () => {
    const { rowCount } = await lab.pool.query('select 1 from bank_callbacks where handled_at is null');
    return rowCount === 0;
  });
  expect(performance.now() - told).toBeLessThan(8_000);
});

test('the dispatcher is looked after', () => {
  expect(dispatcherLooks).toBeGreaterThan(0);
});

async function leases(orderRef: string): Promise<number> {
  const { rowCount } = await lab.pool.query('select 1 from sweep_leases where order_ref = $1', [orderRef]);
  return rowCount ?? 0;
}

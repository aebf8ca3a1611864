import type { OrderLabel } from '../src/db/orders.ts';
import { NO_PAYER } from '../src/testing/factories.ts';
import { startLab, startSweep, type Lab } from '../src/testing/lab.ts';

/** A run that a human terminated says nothing any more: the tables say when somebody has to look. */

let lab: Lab;
let sweep: ReturnType<typeof startSweep>;
beforeAll(async () => {
  lab = await startLab();
  sweep = startSweep(lab);
});
afterAll(async () => {
  await sweep.stop();
  await lab.close();
});
afterEach(() => lab.bank.faults(null));

/** Terminated by hand, and overdue since; `meanwhile` nobody looks after it. */
async function terminated(order: OrderLabel, meanwhile: () => Promise<unknown>): Promise<void> {
  await lab.handle(order).terminate('by hand');
  await meanwhile();
  const { rowCount } = await lab.pool.query(
    `update orders set due_at = now() - interval '61 s' where order_ref = $1 and due_at is not null`,
    [order.orderRef],
  );
  expect(rowCount).toBe(1);
}

describe('a run terminated while it waits for the payer, holds an authorization, or owes a void → the sweep finishes it', () => {
  test('it waits for the payer, who approves meanwhile → captured', async () => {
    const order = await lab.createOrder();
    const reply = await lab.pay(order, { method: 'netbanking', payer: NO_PAYER });
    const url = reply.ok ? reply.payment?.next_action?.url : '';
    await terminated(order, () => fetch(`${url}/approve`, { method: 'POST', redirect: 'manual' }));
    await lab.reaches(order, 'captured');
    await lab.closed(order);
    expect(await lab.bank.moves(order)).toEqual(['authorize', 'capture']);
  });

  test('it holds an authorization that nobody captures in time → released', async () => {
    const order = await lab.createOrder({ captureMode: 'manual', captureWindowMs: 1_000 });
    await lab.pay(order);
    await terminated(order, () => new Promise((resolve) => setTimeout(resolve, 1_000)));
    await lab.reaches(order, 'voided');
    expect(await lab.bank.moves(order)).toEqual(['authorize', 'void']);
  });

  test('it owes a void → released', async () => {
    const order = await lab.createOrder({ captureMode: 'manual' });
    await lab.pay(order);
    await lab.bank.faults({ error_rate: 1, operations: ['void'] });
    const paymentRef = await lab.paymentRef(order);
    const owed = await lab.command(order, { kind: 'void', paymentRef, amount: null });
    expect(owed).toMatchObject({ payment: { phase: 'voiding' } });
    await terminated(order, () => lab.bank.faults(null));
    await lab.reaches(order, 'voided');
    expect(await lab.bank.moves(order)).toEqual(['authorize', 'void']);
  });
});

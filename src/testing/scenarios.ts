import type { OrderLabel } from '../db/orders.ts';
import { newRefund, NO_PAYER } from './factories.ts';
import type { Lab } from './lab.ts';

/** One short life of an order per path of the workflow, each ending with a closed run. */
export const SCENARIOS: Readonly<Record<string, (lab: Lab) => Promise<OrderLabel>>> = {
  paid: async (lab) => {
    const order = await lab.createOrder();
    await lab.pay(order);
    return order;
  },
  'declined-then-paid': async (lab) => {
    const order = await lab.createOrder();
    await lab.pay(order, { vpa: 'failure@payflow' });
    await lab.pay(order);
    return order;
  },
  expired: (lab) => lab.createOrder({ expiresAt: Date.now() + 500 }),
  'unknown-resolved': async (lab) => {
    const order = await lab.createOrder();
    await lab.pay(order, { vpa: 'timeout@payflow' });
    return order;
  },
  'capture-unknown': async (lab) => {
    const order = await lab.createOrder();
    await lab.bank.faults({ drop_next: 1, operations: ['capture'] });
    await lab.pay(order);
    return order;
  },
  'late-success': async (lab) => {
    const order = await lab.createOrder();
    await lab.bank.faults({ late_success_ms: 800 });
    await lab.pay(order, { vpa: 'late@payflow' });
    return order;
  },
  'payer-gave-way-to-a-new-pay': async (lab) => {
    const order = await lab.createOrder();
    await lab.pay(order, { method: 'netbanking', payer: NO_PAYER });
    await lab.pay(order);
    return order;
  },
  'captured-by-hand': async (lab) => {
    const order = await lab.createOrder({ captureMode: 'manual' });
    await lab.pay(order);
    const paymentRef = await lab.paymentRef(order);
    await lab.command(order, { kind: 'capture', paymentRef, amount: 20_000 });
    return order;
  },
  'capture-deadline': async (lab) => {
    const expiresAt = Date.now() + 700;
    const order = await lab.createOrder({ captureMode: 'manual', captureWindowMs: 500, expiresAt });
    await lab.pay(order);
    return order;
  },
  'voided-then-cancelled': async (lab) => {
    const order = await lab.createOrder({ captureMode: 'manual' });
    await lab.pay(order);
    await lab.command(order, { kind: 'void', paymentRef: await lab.paymentRef(order), amount: null });
    await lab.handle(order).cancel();
    return order;
  },
  refund: async (lab) => {
    const order = await lab.createOrder();
    await lab.pay(order);
    await lab.closed(order);
    await lab.command(order, newRefund(await lab.paymentRef(order), 10_000));
    return order;
  },
  woken: async (lab) => {
    const order = await lab.createOrder();
    await lab.pay(order);
    await lab.closed(order);
    await lab.engine.wake(order);
    return order;
  },
};

import type { Connector } from '../src/connectors/connector.ts';
import { NO_PAYER, payRequest } from '../src/testing/factories.ts';
import { startLab, until, type Lab } from '../src/testing/lab.ts';

/** The workflow at its limits: no room in the fast lane, a payer who does not come back, a deadline that is moved. */

const PAYER_HAS_MS = 1_200;
/** Keys that were sent to the bank to authorize. */
const authorized: string[] = [];

/** The bank gives payers little time. */
function impatient(connector: Connector): Connector {
  return {
    ...connector,
    authorize: async (request, options) => {
      authorized.push(request.key);
      const outcome = await connector.authorize(request, options);
      if (outcome.type !== 'requires_action') return outcome;
      return { ...outcome, action: { ...outcome.action, expiresAt: Date.now() + PAYER_HAS_MS } };
    },
  };
}

describe('no room in the fast lane', () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await startLab({ fastLaneMax: 0 });
  });
  afterAll(() => lab.close());

  test('every bank step is an activity of its own → the same end', async () => {
    const order = await lab.createOrder();
    expect(await lab.pay(order)).toMatchObject({ payment: { phase: 'captured' } });
    await lab.closed(order);
    const { events } = await lab.handle(order).fetchHistory();
    const scheduled = events?.flatMap(
      (event) => event.activityTaskScheduledEventAttributes?.activityType?.name ?? [],
    );
    expect(scheduled).toEqual(['authorize', 'capture']);
    expect(await lab.bank.moves(order)).toEqual(['authorize', 'capture']);
  });

  test('the bank is slower than the fast path but answers → approved in the same reply', async () => {
    const order = await lab.createOrder();
    await lab.bank.faults({ latency_ms: 1_500, operations: ['authorize'] });
    expect(await lab.pay(order)).toMatchObject({ payment: { phase: 'captured' } });
    await lab.bank.faults(null);
  });
});

describe('time', () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await startLab({ around: impatient });
  });
  afterAll(() => lab.close());

  test('the payer does not come back in time → given up, confirmed dead at the bank, payable again', async () => {
    const order = await lab.createOrder();
    await lab.pay(order, { method: 'netbanking', payer: NO_PAYER });
    await lab.reaches(order, 'failed');
    expect(await lab.events(order)).toEqual([
      'order.created',
      'payment.submitted',
      'payment.action_required',
      'payment.failed',
    ]);
    expect(await lab.pay(order)).toMatchObject({ payment: { phase: 'captured' } });
    await lab.closed(order);
  });

  test('a request that the bank cannot withdraw → kept as unknown; approved late → captured', async () => {
    const order = await lab.createOrder();
    const reply = await lab.pay(order, { vpa: 'pending@payflow' });
    await lab.reaches(order, 'abandoning');
    const url = reply.ok ? reply.payment?.next_action?.url : '';
    await fetch(`${url}/approve`, { method: 'POST', redirect: 'manual' });
    await lab.engine.wake(order);
    await lab.reaches(order, 'captured');
    expect(await lab.events(order)).toContain('payment.late_authorized');
  });

  test('the order expires while its payer is at the bank → the payment wins', async () => {
    const order = await lab.createOrder({ expiresAt: Date.now() + 900 });
    const reply = await lab.pay(order, { method: 'netbanking', payer: NO_PAYER });
    await new Promise((resolve) => setTimeout(resolve, 950));
    const url = reply.ok ? reply.payment?.next_action?.url : '';
    await fetch(`${url}/approve`, { method: 'POST', redirect: 'manual' });
    await lab.engine.wake(order);
    await lab.reaches(order, 'captured');
  });

  test('a capture deadline that is moved by hand → kept until then', async () => {
    const order = await lab.createOrder({
      captureMode: 'manual',
      captureWindowMs: 1_500,
      expiresAt: Date.now() + 1_000,
    });
    await lab.pay(order);
    const paymentRef = await lab.paymentRef(order);
    const args = {
      paymentRef,
      action: 'extend' as const,
      reference: null,
      until: Date.now() + 60_000,
      by: 'admin',
    };
    await lab.command(order, { kind: 'repair', args });
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    expect(await lab.command(order, { kind: 'capture', paymentRef, amount: null })).toMatchObject({
      payment: { phase: 'captured' },
    });
  });

  test('a run that knows less than the tables → the bank is not called, the order is caught up with', async () => {
    const order = await lab.createOrder();
    const first = await lab.accept(order, payRequest());
    // Another run of the same order does the work; this one sleeps on with what it was started with.
    await lab.elsewhere(order);
    expect(await lab.engine.drive(order, first)).toMatchObject({ payment: { phase: 'captured' } });
    expect(authorized.filter((key) => key.startsWith(first.id))).toHaveLength(1);
    await until(
      'the run is closed',
      async () => (await lab.handle(order).describe()).status.name === 'COMPLETED',
    );
  });
});

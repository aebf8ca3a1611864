import { startLab, until, type Lab } from '../src/testing/lab.ts';
import { payRequest, ref } from '../src/testing/factories.ts';
import { uuidv7 } from 'uuidv7';

let lab: Lab;
beforeAll(async () => {
  lab = await startLab();
});
afterAll(() => lab.close());
afterEach(() => lab.bank.faults(null));

const refundOf = (paymentRef: string, amount: number | null = null) =>
  ({
    kind: 'refund',
    paymentRef,
    amount,
    refund: { refundId: uuidv7(), refundRef: ref('pf_rfnd_'), reason: null, notes: null },
  }) as const;

describe('paying', () => {
  test('an unpaid order costs one event; a paid one at most 12, and its run closes', async () => {
    const order = await lab.createOrder();
    expect((await lab.handle(order).describe()).historyLength).toBe(1);
    const reply = await lab.pay(order, { vpa: 'success@payflow' });
    expect(reply).toMatchObject({ ok: true, payment: { phase: 'captured', amount_captured: 49_900 } });
    await lab.closed(order);
    const { historyLength, status } = await lab.handle(order).describe();
    expect(status.name).toBe('COMPLETED');
    expect(historyLength).toBeLessThanOrEqual(12);
    expect(await lab.events(order)).toEqual([
      'order.created',
      'payment.submitted',
      'payment.captured',
      'order.paid',
    ]);
    expect(await lab.bank.journal(order)).toMatchObject([{ kind: 'authorize' }, { kind: 'capture' }]);
  });

  test('a decline → failed, the order can be paid again', async () => {
    const order = await lab.createOrder();
    const declined = await lab.pay(order, { vpa: 'insufficient@payflow' });
    expect(declined).toMatchObject({ payment: { phase: 'failed', error_reason: 'insufficient_funds' } });
    expect(await lab.pay(order)).toMatchObject({ payment: { phase: 'captured' }, order: { attempts: 2 } });
  });

  test('the order was never started in the engine → the pay opens its run', async () => {
    const order = await lab.createOrder();
    await lab.handle(order).terminate('never started');
    expect(await lab.pay(order)).toMatchObject({ payment: { phase: 'captured' } });
    await lab.closed(order);
  });
});

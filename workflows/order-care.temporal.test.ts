import { payRequest } from '../src/testing/factories.ts';
import { startLab, until, type Lab } from '../src/testing/lab.ts';

/** What needs care: decisions of humans, cancelled runs, and what was lost on the way. */

let lab: Lab;
beforeAll(async () => {
  lab = await startLab();
});
afterAll(() => lab.close());
afterEach(() => lab.bank.faults(null));

describe('humans', () => {
  const HIGH = { amount: 6_000_000 };

  async function setRule(action: 'review' | 'block' | 'flag'): Promise<void> {
    await lab.pool.query(`update merchants set fraud_actions = jsonb_build_object('high_value', $1::text)`, [
      action,
    ]);
  }
  afterAll(() => setRule('flag'));

  test('a rule asks for review → held, Attention; approved → captured, Attention removed', async () => {
    await setRule('review');
    const order = await lab.createOrder(HIGH);
    expect(await lab.pay(order)).toMatchObject({ payment: { phase: 'in_review', flags: ['high_value'] } });
    await until('Attention is shown', async () => (await lab.attention(order)) === 'awaiting_review');
    const paymentRef = await lab.paymentRef(order);
    const decision = { kind: 'decide_review', args: { paymentRef, approve: true, by: 'admin' } } as const;
    expect(await lab.command(order, decision)).toMatchObject({ payment: { phase: 'captured' } });
    await lab.closed(order);
    expect(await lab.attention(order)).toBeUndefined();
  });

  test('rejected in review → released', async () => {
    await setRule('review');
    const order = await lab.createOrder(HIGH);
    await lab.pay(order);
    const args = { paymentRef: await lab.paymentRef(order), approve: false, by: 'admin' };
    expect(await lab.command(order, { kind: 'decide_review', args })).toMatchObject({
      payment: { phase: 'voided', error_reason: 'review_rejected' },
    });
  });

  test('a rule that blocks → failed, and the bank never heard of it', async () => {
    await setRule('block');
    const order = await lab.createOrder(HIGH);
    expect(await lab.pay(order)).toMatchObject({
      payment: { phase: 'failed', error_reason: 'blocked_by_fraud_rules' },
    });
    expect(await lab.bank.moves(order)).toEqual([]);
  });

  test('an unknown outcome is repaired by hand while the bank is away', async () => {
    const order = await lab.createOrder();
    await lab.bank.faults({ down: true });
    expect(await lab.pay(order)).toMatchObject({ payment: { phase: 'unknown' } });
    const args = {
      paymentRef: await lab.paymentRef(order),
      action: 'confirm_failed' as const,
      reference: null,
      until: null,
      by: 'admin',
    };
    expect(await lab.command(order, { kind: 'repair', args })).toMatchObject({
      payment: { phase: 'failed', error_reason: 'confirmed_failed' },
    });
    await lab.bank.faults(null);
    expect(await lab.pay(order)).toMatchObject({ payment: { phase: 'captured' } });
    await lab.closed(order);
  });
});

describe('a run cancelled before and after authorization', () => {
  test('before anything → the order expires', async () => {
    const order = await lab.createOrder();
    await lab.handle(order).cancel();
    await lab.closed(order);
    expect(await lab.events(order)).toEqual(['order.created', 'order.cancel_requested', 'order.expired']);
    expect((await lab.handle(order).describe()).status.name).toBe('COMPLETED');
  });

  test('after the authorization → released, never captured', async () => {
    const order = await lab.createOrder({ captureMode: 'manual' });
    await lab.pay(order);
    await lab.handle(order).cancel();
    await lab.reaches(order, 'voided');
    await lab.closed(order);
    expect(await lab.bank.moves(order)).toEqual(['authorize', 'void']);
    expect((await lab.events(order)).at(-1)).toBe('order.expired');
  });

  test('while its pay is at the bank → the pay is answered, nothing is lost', async () => {
    const order = await lab.createOrder();
    await lab.bank.faults({ latency_ms: 300, operations: ['authorize'] });
    const paying = lab.pay(order);
    await new Promise((resolve) => setTimeout(resolve, 150));
    await lab.handle(order).cancel();
    expect(await paying).toMatchObject({ payment: { phase: 'captured' } });
    await lab.closed(order);
    expect(await lab.bank.moves(order)).toEqual(['authorize', 'capture']);
  });
});

describe('what was lost', () => {
  test('a pay charged but not recorded, then expiry → captured or voided, never forgotten', async () => {
    const order = await lab.createOrder({ expiresAt: Date.now() + 1_200 });
    const command = await lab.accept(order, payRequest({ vpa: 'x@payflow' }));
    await lab.bank.charge(order, command.id, 'x@payflow');
    await lab.closed(order);
    expect(await lab.events(order)).toEqual([
      'order.created',
      'payment.submitted',
      'payment.captured',
      'order.paid',
    ]);
    expect(await lab.bank.moves(order)).toEqual(['authorize', 'capture']);
  });

  test('a pay charged but not recorded, then another payment pays the order late → its money goes back', async () => {
    await lab.bank.faults({ late_success_ms: 2_000 });
    const order = await lab.createOrder();
    await lab.pay(order, { vpa: 'late@payflow' });
    await lab.reaches(order, 'abandoning');
    const second = await lab.accept(order, payRequest({ vpa: 'x@payflow' }));
    const reference = await lab.bank.charge(order, second.id, 'x@payflow');
    const capture = {
      key: `${second.id}/capture`,
      order_ref: order.orderRef,
      amount: order.amount,
      currency: 'INR',
    };
    await lab.bank.post('/captures', { ...capture, reference });
    await until('paid by the first', async () => (await lab.events(order)).includes('order.paid'));
    expect(await lab.engine.drive(order, second)).toMatchObject({ ok: true, order: { amount_paid: 49_900 } });
    await lab.closed(order);
    const moves = await lab.bank.moves(order);
    expect(moves.filter((kind) => kind === 'capture')).toHaveLength(2);
    expect(moves.filter((kind) => kind === 'refund')).toHaveLength(1);
    expect(await lab.events(order)).toContain('refund.processed');
  });

  test('a pay that nobody drove for minutes → given up; charged before → captured', async () => {
    const order = await lab.createOrder();
    const stale = await lab.accept(order, payRequest());
    const late = { ...stale, acceptedAt: stale.acceptedAt - 130_000 };
    expect(await lab.engine.drive(order, late)).toMatchObject({
      payment: { phase: 'failed', error_reason: 'payment_timed_out' },
    });
    const charged = await lab.accept(order, payRequest({ vpa: 'x@payflow' }));
    await lab.bank.charge(order, charged.id, 'x@payflow');
    expect(
      await lab.engine.drive(order, { ...charged, acceptedAt: charged.acceptedAt - 130_000 }),
    ).toMatchObject({
      payment: { phase: 'captured' },
    });
    expect(await lab.bank.moves(order)).toEqual(['authorize', 'capture']);
  });

  test('two updates in one task → the run closes', async () => {
    const paused = await startLab();
    try {
      // Both wait while no worker of this queue looks, then come in one task.
      await paused.pauseWorker();
      const other = await paused.createOrder();
      const command = await paused.accept(other, payRequest());
      const updates = [paused.engine.drive(other, command), paused.engine.wake(other)];
      await new Promise((resolve) => setTimeout(resolve, 500));
      await paused.startWorker();
      await Promise.all(updates);
      await paused.closed(other);
    } finally {
      await paused.close();
    }
  });
});

import { startLab, until, type Lab } from '../src/testing/lab.ts';
import { newRefund, payRequest } from '../src/testing/factories.ts';

let lab: Lab;
beforeAll(async () => {
  lab = await startLab();
});
afterAll(() => lab.close());
afterEach(() => lab.bank.faults(null));

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
    expect(await lab.bank.moves(order)).toEqual(['authorize', 'capture']);
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

  test('nobody pays → expired at its time, with a short history', async () => {
    const order = await lab.createOrder({ expiresAt: Date.now() + 700 });
    await lab.closed(order);
    expect(await lab.events(order)).toEqual(['order.created', 'order.expired']);
    expect((await lab.handle(order).describe()).historyLength).toBeLessThanOrEqual(8);
  });

  test('a pay driven twice at once → one charge, one reply', async () => {
    const order = await lab.createOrder();
    const command = await lab.accept(order, payRequest());
    const replies = await Promise.all([1, 2, 3].map(() => lab.engine.drive(order, command)));
    expect(new Set(replies.map((reply) => JSON.stringify(reply))).size).toBe(1);
    expect(await lab.bank.moves(order)).toEqual(['authorize', 'capture']);
    await lab.closed(order);
  });

  test('a pay re-driven after the order was refunded → the first reply', async () => {
    const order = await lab.createOrder();
    const command = await lab.accept(order, payRequest());
    const first = await lab.engine.drive(order, command);
    await lab.closed(order);
    await lab.command(order, newRefund(payRef(command)));
    await lab.closed(order);
    expect(JSON.stringify(await lab.engine.drive(order, command))).toBe(JSON.stringify(first));
    expect(await lab.bank.moves(order)).toEqual(['authorize', 'capture', 'refund']);
    await lab.closed(order);
  });
});

function payRef(command: { kind: string }): string {
  return (command as { paymentRef: string } & typeof command).paymentRef;
}

describe('an outcome that is not known', () => {
  test('the bank takes the money and stays silent → unknown, then captured by asking, charged once', async () => {
    const order = await lab.createOrder();
    expect(await lab.pay(order, { vpa: 'timeout@payflow' })).toMatchObject({ payment: { phase: 'unknown' } });
    await lab.reaches(order, 'captured');
    expect(await lab.bank.moves(order)).toEqual(['authorize', 'capture']);
    await lab.closed(order);
  });

  test('the capture is done and its line broken → captured, once', async () => {
    const order = await lab.createOrder();
    await lab.bank.faults({ drop_next: 1, operations: ['capture'] });
    expect(await lab.pay(order)).toMatchObject({ payment: { phase: 'capturing', status: 'authorized' } });
    await lab.reaches(order, 'captured');
    expect(await lab.bank.moves(order)).toEqual(['authorize', 'capture']);
    expect(await lab.events(order)).toContain('payment.capture_unknown');
  });

  test('the authorization fails before it reaches the bank → sent again with the same key', async () => {
    const order = await lab.createOrder();
    await lab.bank.faults({ error_rate: 1, operations: ['authorize', 'lookup'] });
    expect(await lab.pay(order)).toMatchObject({ payment: { phase: 'unknown' } });
    await lab.bank.faults(null);
    await lab.engine.wake(order);
    await lab.reaches(order, 'captured');
    expect(await lab.bank.moves(order)).toEqual(['authorize', 'capture']);
  });

  test('unknown for a minute → Attention; solved → removed', async () => {
    const order = await lab.createOrder();
    await lab.bank.faults({ down: true });
    const command = await lab.accept(order, payRequest());
    await lab.engine.drive(order, command);
    // As if it had been unknown for longer: a run that loads it finds it old.
    await lab.handle(order).terminate('loaded again');
    await makeOlder(order.orderRef, 61);
    await lab.engine.wake(order);
    await until('Attention is shown', async () => (await lab.attention(order)) === 'unknown_outcome');
    await lab.bank.faults(null);
    await lab.engine.wake(order);
    // Older than two minutes is not sent again, younger is.
    await lab.reaches(order, 'captured');
    await lab.closed(order);
    expect(await lab.attention(order)).toBeUndefined();
  });
});

/** Moves the times of an order's events back; append-only tables let nobody but the owner do so. */
async function makeOlder(orderRef: string, seconds: number): Promise<void> {
  await lab.pool.query('alter table events disable trigger events_append_only');
  await lab.pool.query(`update events set at = at - $2 * interval '1 s' where order_ref = $1`, [
    orderRef,
    seconds,
  ]);
  await lab.pool.query('alter table events enable trigger events_append_only');
}

describe('waiting for the payer', () => {
  test('the payer approves at the bank and the run is woken → captured', async () => {
    const order = await lab.createOrder();
    const reply = await lab.pay(order, { vpa: 'pending@payflow' });
    expect(reply).toMatchObject({
      payment: { phase: 'awaiting_customer', next_action: { type: 'upi_intent' } },
    });
    await answerAsPayer(order, 'approve');
    await lab.engine.wake(order);
    await lab.reaches(order, 'captured');
    await lab.closed(order);
  });

  test('the payer declines and nobody tells us → found by asking', async () => {
    const order = await lab.createOrder();
    await lab.pay(order, { method: 'netbanking', payer: netbanking });
    await answerAsPayer(order, 'decline');
    await lab.reaches(order, 'failed');
  });

  test('a new pay takes the place of one that waits', async () => {
    const order = await lab.createOrder();
    await lab.pay(order, { method: 'netbanking', payer: netbanking });
    expect(await lab.pay(order)).toMatchObject({ payment: { phase: 'captured' } });
    await lab.closed(order);
    const { rows } = await lab.pool.query(
      'select phase, error_reason from payments where order_ref = $1 order by created_at',
      [order.orderRef],
    );
    expect(rows).toEqual([
      { phase: 'failed', error_reason: 'payment_cancelled' },
      { phase: 'captured', error_reason: null },
    ]);
  });
});

const netbanking = { ...payRequest().payer, vpa: null };

async function answerAsPayer(order: { orderRef: string }, answer: 'approve' | 'decline'): Promise<void> {
  const { rows } = await lab.pool.query<{ next_action: { url: string } }>(
    'select next_action from payments where order_ref = $1 and next_action is not null',
    [order.orderRef],
  );
  const url = rows[0]?.next_action.url ?? '';
  const response = await fetch(`${url}/${answer}`, { method: 'POST', redirect: 'manual' });
  if (response.status >= 400) throw new Error(`${url}: ${response.status}`);
}

describe('manual capture', () => {
  const manual = { captureMode: 'manual' } as const;

  test('authorized, then captured in part → the rest is released, the order paid', async () => {
    const order = await lab.createOrder(manual);
    const reply = await lab.pay(order);
    expect(reply).toMatchObject({ payment: { phase: 'authorized' } });
    const paymentRef = await lab.paymentRef(order);
    expect(await lab.command(order, { kind: 'capture', paymentRef, amount: 20_000 })).toMatchObject({
      payment: { phase: 'captured', amount: 49_900, amount_captured: 20_000 },
      order: { status: 'paid', amount_paid: 20_000 },
    });
    await lab.closed(order);
  });

  test('nobody captures → released at its deadline, the order expires', async () => {
    const order = await lab.createOrder({ ...manual, captureWindowMs: 800, expiresAt: Date.now() + 1_000 });
    await lab.pay(order);
    await lab.reaches(order, 'voided');
    await lab.closed(order);
    expect((await lab.events(order)).slice(2)).toEqual([
      'payment.authorized',
      'payment.void_requested',
      'payment.voided',
      'order.expired',
    ]);
    expect(await lab.bank.moves(order)).toEqual(['authorize', 'void']);
  });

  test('the merchant voids and the line breaks → voided by asking again', async () => {
    const order = await lab.createOrder(manual);
    await lab.pay(order);
    await lab.bank.faults({ drop_next: 1, operations: ['void'] });
    const voided = await lab.command(order, {
      kind: 'void',
      paymentRef: await lab.paymentRef(order),
      amount: null,
    });
    expect(voided).toMatchObject({ payment: { phase: 'voiding' } });
    await lab.reaches(order, 'voided');
    expect(await lab.bank.moves(order)).toEqual(['authorize', 'void']);
  });
});

describe('refunding', () => {
  test('in parts, each in a short run of its own; more than remains → refused', async () => {
    const order = await lab.createOrder();
    await lab.pay(order);
    await lab.closed(order);
    const paymentRef = await lab.paymentRef(order);
    expect(await lab.command(order, newRefund(paymentRef, 10_000))).toMatchObject({
      refund: { status: 'processed', amount: 10_000 },
      payment: { phase: 'captured', amount_refunded: 10_000 },
    });
    expect(await lab.command(order, newRefund(paymentRef))).toMatchObject({
      refund: { amount: 39_900 },
      payment: { phase: 'refunded', status: 'refunded' },
    });
    await lab.closed(order);
    await expect(lab.command(order, newRefund(paymentRef, 1))).rejects.toThrow(/cannot_refund/);
  });

  test('pending at the bank until it is told → processed; a refusal → failed and refundable again', async () => {
    const order = await lab.createOrder();
    await lab.pay(order);
    const paymentRef = await lab.paymentRef(order);
    const pending = newRefund(paymentRef, 1_013);
    const command = await lab.accept(order, pending);
    expect(await lab.engine.drive(order, command)).toMatchObject({ refund: { status: 'pending' } });
    const key = encodeURIComponent(`${command.id}/refund`);
    await lab.bank.post(`/refunds/${key}/settle`, { outcome: 'processed' });
    await lab.engine.wake(order);
    await until('the refund is processed', async () => (await refundStatus(pending)) === 'processed');
    const refused = newRefund(paymentRef, 1_017);
    expect(await lab.command(order, refused)).toMatchObject({ refund: { status: 'failed' } });
    await lab.closed(order);
    expect(await lab.command(order, newRefund(paymentRef))).toMatchObject({ refund: { amount: 48_887 } });
  });
});

async function refundStatus({ refund }: { refund: { refundRef: string } }): Promise<string | undefined> {
  const { rows } = await lab.pool.query<{ status: string }>(
    'select status from refunds where refund_ref = $1',
    [refund.refundRef],
  );
  return rows[0]?.status;
}

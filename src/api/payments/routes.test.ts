import { registerMerchant } from '../../testing/api.ts';
import { startGateway, type Gateway } from '../../testing/gateway.ts';

let gateway: Gateway;
beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());
afterEach(() => gateway.lab.bank.faults(null));

const ISO = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
const ABSENT = 'pf_pay_00000000000000000000';

const get = (ref: string) => gateway.call('GET', `/v1/payments/${ref}`);
const capture = (ref: string, body?: object, headers: Record<string, string> = {}) =>
  gateway.call('POST', `/v1/payments/${ref}/capture`, { ...(body === undefined ? {} : { body }), headers });
const release = (ref: string, headers: Record<string, string> = {}) =>
  gateway.call('POST', `/v1/payments/${ref}/void`, { headers });
const authorized = () => gateway.paid({ payment_capture: 'manual' });
const orderOf = async (ref: string) => String((await get(ref)).body['order_ref']);

describe('GET /v1/payments/{payment_ref}', () => {
  test('shows a captured payment with all its fields', async () => {
    const orderRef = await gateway.order();
    const order = await gateway.call('GET', `/v1/orders/${orderRef}`);
    const paid = await gateway.pay(orderRef, {
      method: 'upi',
      vpa: 'success@payflow',
      email: 'customer@example.com',
      contact: '9876543210',
    });
    const { status, body } = await get(String(paid.body['payment_ref']));
    expect(status).toBe(200);
    expect(body).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      payment_ref: expect.stringMatching(/^pf_pay_[0-9a-f]{20}$/),
      order_id: order.body['id'],
      order_ref: orderRef,
      amount: 49_900,
      currency: 'INR',
      method: 'upi',
      status: 'captured',
      phase: 'captured',
      email: 'customer@example.com',
      contact: '9876543210',
      vpa: 'success@payflow',
      card_number_masked: null,
      card_network: null,
      amount_captured: 49_900,
      amount_refunded: 0,
      refund_status: null,
      is_flagged: false,
      flag_reason: null,
      created_at: ISO,
      authorized_at: ISO,
      captured_at: ISO,
      failed_at: null,
      capture_before: null,
      acquirer_reference: expect.any(String),
      error_code: null,
      error_description: null,
      error_source: null,
      error_step: null,
      error_reason: null,
      next_action: null,
    });
    expect(body).toEqual(paid.body);
  });

  test("another merchant's payment is as absent as one that never was, whatever is asked of it", async () => {
    const ref = await authorized();
    const { key: auth } = await registerMerchant(gateway.api);
    for (const [method, suffix] of [
      ['GET', ''],
      ['GET', '/refunds'],
      ['POST', '/capture'],
      ['POST', '/void'],
      ['POST', '/refund'],
    ] as const) {
      const ask = async (paymentRef: string) => {
        const { status, body } = await gateway.api.call(method, `/v1/payments/${paymentRef}${suffix}`, {
          auth,
        });
        return { status, text: JSON.stringify(body).replace(String(body['error']?.['request_id']), '') };
      };
      const foreign = await ask(ref);
      expect(foreign.status).toBe(404);
      expect(JSON.parse(foreign.text)).toMatchObject({ detail: 'Payment not found' });
      expect(await ask(ABSENT)).toEqual(foreign);
      expect(await ask('nonsense')).toEqual(foreign);
    }
    expect((await get(ref)).body['phase']).toBe('authorized');
  });

  test.each(['GET', 'POST'])('%s needs a key', async (method) => {
    const path = `/v1/payments/${ABSENT}${method === 'POST' ? '/capture' : ''}`;
    expect((await gateway.api.call(method, path)).status).toBe(401);
  });
});

describe('POST /v1/payments/{payment_ref}/capture', () => {
  test('a payment of manual capture stays authorized, with its deadline five days away', async () => {
    const { body } = await get(await authorized());
    expect(body).toMatchObject({
      status: 'authorized',
      phase: 'authorized',
      amount_captured: 0,
      captured_at: null,
      capture_before: ISO,
    });
    const window = Date.parse(String(body['capture_before'])) - Date.parse(String(body['authorized_at']));
    expect(window).toBe(5 * 86_400_000);
    const order = await gateway.call('GET', `/v1/orders/${String(body['order_ref'])}`);
    expect(order.body).toMatchObject({ status: 'attempted', amount_paid: 0, amount_due: 49_900 });
  });

  test('without a body → all of it, and the order is paid', async () => {
    const ref = await authorized();
    const { status, body } = await capture(ref);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      status: 'captured',
      amount: 49_900,
      amount_captured: 49_900,
      capture_before: null,
    });
    expect(body).toEqual((await get(ref)).body);
    const order = await gateway.call('GET', `/v1/orders/${String(body['order_ref'])}`);
    expect(order.body).toMatchObject({ status: 'paid', amount_paid: 49_900, amount_due: 0 });
  });

  test('a part of it → the rest is released, the order paid, nothing due', async () => {
    const ref = await authorized();
    const { body } = await capture(ref, { amount: 20_000 });
    expect(body).toMatchObject({ status: 'captured', amount: 49_900, amount_captured: 20_000 });
    const order = await gateway.call('GET', `/v1/orders/${String(body['order_ref'])}`);
    expect(order.body).toMatchObject({ status: 'paid', amount: 49_900, amount_paid: 20_000, amount_due: 0 });
    const journal = await gateway.lab.bank.journal({ orderRef: String(body['order_ref']) });
    expect(journal.find(({ kind }) => kind === 'capture')?.amount).toBe(20_000);
  });

  test('more than was authorized → 400, and the payment can still be captured', async () => {
    const ref = await authorized();
    const { status, body } = await capture(ref, { amount: 49_901 });
    expect(status).toBe(400);
    expect(body['error']).toMatchObject({ reason: 'capture_exceeds_authorization', step: 'payment_capture' });
    expect((await capture(ref, { amount: 49_900 })).status).toBe(200);
  });

  test.each([0, -1, 1.5, '100', 100_000_000_000])('the amount %p → 422', async (amount) => {
    const { status, body } = await capture(ABSENT, { amount });
    expect(status).toBe(422);
    expect(body['error']?.['field']).toBe('amount');
  });

  test('a property that it does not have → 422', async () => {
    expect((await capture(ABSENT, { amount: 1, currency: 'INR' })).status).toBe(422);
  });

  test('twice → the second is told where the payment stands', async () => {
    const ref = await authorized();
    await capture(ref);
    const { status, body } = await capture(ref);
    expect(status).toBe(400);
    expect(body['detail']).toBe("Cannot capture payment in status 'captured'");
  });

  test.each([
    ['failed', async () => failed()],
    ['captured', async () => gateway.paid()],
    ['refunded', async () => refunded()],
    ['voided', async () => voided()],
  ])('one that is %s cannot be captured', async (status, payment) => {
    const answer = await capture(await payment());
    expect(answer.status).toBe(400);
    expect(answer.body['detail']).toBe(`Cannot capture payment in status '${status}'`);
    expect(answer.body['error']?.['reason']).toBe('cannot_capture');
  });

  test('one key twice, also at once → one capture, one reply', async () => {
    const ref = await authorized();
    const headers = { 'idempotency-key': 'capture-1' };
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => capture(ref, { amount: 100 }, headers)),
    );
    answers.push(await capture(ref, { amount: 100 }, headers));
    expect(new Set(answers.map(({ status, body }) => `${status} ${JSON.stringify(body)}`)).size).toBe(1);
    expect(answers.filter((answer) => answer.headers['idempotent-replayed'] !== 'true')).toHaveLength(1);
    expect(await gateway.moves(await orderOf(ref))).toEqual(['authorize', 'capture']);
    expect((await capture(ref, { amount: 101 }, headers)).status).toBe(422);
    expect((await capture(await authorized(), { amount: 100 }, headers)).status).toBe(422);
  });

  test('ten keys at once → one capture, the others 400 or 409', async () => {
    const ref = await authorized();
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, index) => capture(ref, {}, { 'idempotency-key': `capture-2-${index}` })),
    );
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    expect(statuses.filter((status) => status !== 200 && status !== 400 && status !== 409)).toEqual([]);
    expect(await gateway.moves(await orderOf(ref))).toEqual(['authorize', 'capture']);
  });

  test('a refusal is kept under its key, and its replay says so', async () => {
    const ref = await failed();
    const headers = { 'idempotency-key': 'capture-3' };
    const [first, second] = [await capture(ref, {}, headers), await capture(ref, {}, headers)];
    expect([first.status, second.status]).toEqual([400, 400]);
    expect(second.body['detail']).toBe(first.body['detail']);
    expect([first.headers['idempotent-replayed'], second.headers['idempotent-replayed']]).toEqual([
      undefined,
      'true',
    ]);
  });

  test('its answer is lost on the way → authorized for now; the replay shows it captured', async () => {
    const ref = await authorized();
    const headers = { 'idempotency-key': 'capture-4' };
    await gateway.lab.bank.faults({ drop_next: 1, operations: ['capture'] });
    const first = await capture(ref, {}, headers);
    expect(first).toMatchObject({ status: 200, body: { status: 'authorized', phase: 'authorized' } });
    await gateway.reaches(ref, 'captured');
    const again = await capture(ref, {}, headers);
    expect(again).toMatchObject({ status: 200, body: { status: 'captured' } });
    expect(again.headers['idempotent-replayed']).toBe('true');
    expect(await gateway.moves(await orderOf(ref))).toEqual(['authorize', 'capture']);
  });
});

describe('POST /v1/payments/{payment_ref}/void', () => {
  test('releases an authorization: failed, with its reason', async () => {
    const ref = await authorized();
    const { status, body } = await release(ref);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      status: 'failed',
      phase: 'voided',
      amount_captured: 0,
      failed_at: ISO,
      error_reason: 'voided_by_merchant',
      error_source: 'business',
      error_step: 'payment_capture',
      error_code: 'GATEWAY_ERROR',
    });
    expect(await gateway.moves(await orderOf(ref))).toEqual(['authorize', 'void']);
  });

  test('the order can be paid by another payment then', async () => {
    const orderRef = await orderOf(await voided());
    const { body } = await gateway.pay(orderRef, { method: 'upi', vpa: 'success@payflow' });
    expect(body['phase']).toBe('authorized');
  });

  test('a captured payment cannot be released', async () => {
    const { status, body } = await release(await gateway.paid());
    expect(status).toBe(400);
    expect(body['detail']).toBe("Cannot void payment in status 'captured'");
  });

  test('takes no properties', async () => {
    const path = `/v1/payments/${await authorized()}/void`;
    expect((await gateway.call('POST', path, { body: { amount: 5 } })).status).toBe(422);
    expect((await gateway.call('POST', path, { body: {} })).status).toBe(200);
  });

  test('one key twice → one release', async () => {
    const ref = await authorized();
    const headers = { 'idempotency-key': 'void-1' };
    const answers = await Promise.all([release(ref, headers), release(ref, headers), release(ref, headers)]);
    expect(new Set(answers.map(({ status, body }) => `${status} ${JSON.stringify(body)}`)).size).toBe(1);
    expect(await gateway.moves(await orderOf(ref))).toEqual(['authorize', 'void']);
  });

  test('against a capture at the same time → one of the two happens', async () => {
    const ref = await authorized();
    const answers = await Promise.all([capture(ref), release(ref)]);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    const moves = await gateway.moves(await orderOf(ref));
    expect(moves).toHaveLength(2);
    expect((await get(ref)).body['phase']).toBe(moves[1] === 'capture' ? 'captured' : 'voided');
  });
});

async function failed(): Promise<string> {
  const { body } = await gateway.pay(await gateway.order(), { method: 'upi', vpa: 'failure@payflow' });
  return String(body['payment_ref']);
}

async function refunded(): Promise<string> {
  const ref = await gateway.paid();
  await gateway.call('POST', `/v1/payments/${ref}/refund`);
  return ref;
}

async function voided(): Promise<string> {
  const ref = await authorized();
  await release(ref);
  return ref;
}

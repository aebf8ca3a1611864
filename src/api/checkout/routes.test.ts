import { setMerchantActive } from '../../db/merchants.ts';
import { registerMerchant } from '../../testing/api.ts';
import { startGateway, type Gateway } from '../../testing/gateway.ts';

let gateway: Gateway;
beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());
afterEach(() => gateway.lab.bank.faults(null));

const ISO = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
const UPI = { method: 'upi', vpa: 'success@payflow' };

/** A new order, and a try to pay it. */
async function payNew(body: object, order: object = {}) {
  const orderRef = await gateway.order(order);
  return { orderRef, ...(await gateway.pay(orderRef, body)) };
}

describe('POST /pay/{order_ref}', () => {
  test('UPI → the captured payment, as the merchant sees it; the order is paid', async () => {
    const { orderRef, status, body } = await payNew({
      ...UPI,
      email: 'c@example.com',
      contact: '9876543210',
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({ status: 'captured', phase: 'captured', method: 'upi', amount: 49_900 });
    expect((await gateway.call('GET', `/v1/payments/${String(body['payment_ref'])}`)).body).toEqual(body);
    expect((await gateway.call('GET', `/v1/orders/${orderRef}`)).body).toMatchObject({
      status: 'paid',
      attempts: 1,
    });
    expect(await gateway.moves(orderRef)).toEqual(['authorize', 'capture']);
  });

  test.each(['UPI', 'Upi', 'upi'])('the method may be written %s', async (method) => {
    expect((await payNew({ method, vpa: 'any@bank' })).body).toMatchObject({
      method: 'upi',
      status: 'captured',
    });
  });

  test.each(['cash', '', ' upi', 'upi ', 'constructor'])('the method "%s" → 400', async (method) => {
    const { status, body } = await payNew({ method, vpa: 'any@bank' });
    expect(status).toBe(400);
    expect(body['error']).toMatchObject({ reason: 'unsupported_method', field: 'method' });
  });

  test('its own order_ref may be repeated in the body, another one may not', async () => {
    const orderRef = await gateway.order();
    const wrong = await gateway.pay(orderRef, { ...UPI, order_ref: await gateway.order() });
    expect(wrong.status).toBe(400);
    expect(wrong.body['error']).toMatchObject({ reason: 'order_ref_mismatch', field: 'order_ref' });
    expect((await gateway.pay(orderRef, { ...UPI, order_ref: orderRef })).status).toBe(200);
  });

  test('fields that are null are fields that are not there, as the first version took them', async () => {
    const body = { ...UPI, order_ref: null, email: null, contact: null, card_number: null, card_cvv: null };
    expect((await payNew(body)).body).toMatchObject({ status: 'captured', email: null, contact: null });
  });

  test('a paid order → 400 "Order already paid", for whichever payer', async () => {
    const { orderRef } = await payNew(UPI);
    const { status, body } = await gateway.pay(orderRef, { method: 'netbanking', bank_code: 'SUCC' });
    expect(status).toBe(400);
    expect(body['detail']).toBe('Order already paid');
    expect(await gateway.moves(orderRef)).toEqual(['authorize', 'capture']);
  });

  test('a refunded order stays paid', async () => {
    const ref = await gateway.paid();
    const { body } = await gateway.call('POST', `/v1/payments/${ref}/refund`);
    expect(body['status']).toBe('processed');
    const { body: payment } = await gateway.call('GET', `/v1/payments/${ref}`);
    const again = await gateway.pay(String(payment['order_ref']), UPI);
    expect(again.body['detail']).toBe('Order already paid');
  });

  test('an expired order → 400 "Order has expired", and it says so by itself', async () => {
    const { orderRef } = await gateway.lab.createOrder({
      merchantId: gateway.lab.merchantId,
      expiresAt: Date.now() + 300,
    });
    await new Promise((resolve) => setTimeout(resolve, 350));
    const { status, body } = await gateway.pay(orderRef, UPI);
    expect(status).toBe(400);
    expect(body['detail']).toBe('Order has expired');
    expect(await gateway.moves(orderRef)).toEqual([]);
    await gateway.lab.closed({ orderRef } as Parameters<typeof gateway.lab.closed>[0]);
    expect(await gateway.sql('select status from orders where order_ref = $1', orderRef)).toEqual([
      { status: 'expired' },
    ]);
    expect((await gateway.pay(orderRef, UPI)).body['detail']).toBe('Order has expired');
  });

  test.each(['pf_order_00000000000000000000', 'nonsense', 'pf_order_%00'])(
    'the order %s → 404',
    async (ref) => {
      const { status, body } = await gateway.pay(ref, UPI);
      expect(status).toBe(404);
      expect(body['detail']).toBe('Order not found');
    },
  );

  test("a suspended merchant's orders cannot be paid, and can again after that", async () => {
    const merchant = await registerMerchant(gateway.api);
    const { body: order } = await gateway.api.call('POST', '/v1/orders', {
      auth: merchant.key,
      body: { amount: 5 },
    });
    const ref = String(order['order_ref']);
    await setMerchantActive(gateway.lab.pool, { merchantId: merchant.merchantId, active: false });
    const { status, body } = await gateway.pay(ref, UPI);
    expect(status).toBe(403);
    expect(body['error']?.['reason']).toBe('merchant_inactive');
    await setMerchantActive(gateway.lab.pool, { merchantId: merchant.merchantId, active: true });
    expect((await gateway.pay(ref, UPI)).status).toBe(200);
  });

  test('after fifty tries the order is not tried any more', async () => {
    const orderRef = await gateway.order();
    // Fifty real ones would take five seconds.
    await gateway.sql('update orders set attempts = 50 where order_ref = $1', orderRef);
    const { status, body } = await gateway.pay(orderRef, UPI);
    expect(status).toBe(400);
    expect(body['error']?.['reason']).toBe('too_many_payments');
  });

  test.each([
    ['nothing', {}, 'method'],
    ['no VPA', { method: 'upi' }, 'vpa'],
    ['an empty VPA', { method: 'upi', vpa: '  ' }, 'vpa'],
    ['a property of its own', { ...UPI, amount: 1 }, 'amount'],
    ['a status', { ...UPI, status: 'captured' }, 'status'],
    ['a VPA that is no text', { method: 'upi', vpa: { $gt: '' } }, 'vpa'],
    ['a method that is no text', { method: ['upi'] }, 'method'],
    ['a VPA of 256 characters', { method: 'upi', vpa: `${'x'.repeat(252)}@pay` }, 'vpa'],
  ])('%s → 422 that names the field, and no try is counted', async (_, sent, field) => {
    const { status, body, orderRef } = await payNew(sent);
    expect(status).toBe(422);
    expect(body['error']?.['field']).toBe(field);
    expect((await gateway.call('GET', `/v1/orders/${orderRef}`)).body['attempts']).toBe(0);
  });

  test.each([
    ['NUL', '{"method": "upi", "vpa": "a\\u0000@b"}', 400],
    ['a lone surrogate', '{"method": "upi", "vpa": "\\udfff@b"}', 400],
    ['deep', `{"method": "upi", "vpa": ${'{"a":'.repeat(9)}1${'}'.repeat(9)}}`, 400],
    ['too large', `{"method": "upi", "vpa": "${'x'.repeat(70_000)}"}`, 413],
    ['no JSON', '{"method": upi}', 400],
    ['a prototype', '{"method": "upi", "vpa": "a@b", "__proto__": {"x": 1}}', 422],
    ['a number', '5', 422],
  ])('a body that is hostile (%s) is refused', async (_, body, status) => {
    const orderRef = await gateway.order();
    expect((await gateway.api.call('POST', `/pay/${orderRef}`, { body })).status).toBe(status);
  });

  test('a VPA without @ goes on and is flagged; much money is, too', async () => {
    const { body } = await payNew({ method: 'upi', vpa: 'no-at' }, { amount: 5_000_001 });
    expect(body).toMatchObject({
      status: 'captured',
      is_flagged: true,
      flag_reason: 'high_value,invalid_vpa',
    });
  });
});

const DECLINE = {
  payment_declined: 'issuer_bank',
  insufficient_funds: 'issuer_bank',
  card_expired: 'customer',
  incorrect_cvv: 'customer',
} as const;

const CARD = { method: 'card', card_expiry: '12/40', card_cvv: '123', card_name: 'Jane Doe' };

describe('the values of the test bank', () => {
  test.each([
    ['the VPA failure@payflow', { method: 'upi', vpa: 'failure@payflow' }, 'payment_declined'],
    ['the VPA insufficient@payflow', { method: 'upi', vpa: 'Insufficient@PayFlow' }, 'insufficient_funds'],
    ['card …0002', { ...CARD, card_number: '4000000000000002' }, 'payment_declined'],
    ['card …9995', { ...CARD, card_number: '4000000000009995' }, 'insufficient_funds'],
    ['card …0069', { ...CARD, card_number: '4000000000000069' }, 'card_expired'],
    ['card …0127', { ...CARD, card_number: '4000000000000127' }, 'incorrect_cvv'],
    ['the bank FAIL', { method: 'netbanking', bank_code: 'FAIL' }, 'payment_declined'],
    [
      'a wallet code of 3 digits',
      { method: 'wallet', contact: '9876543210', otp: '123' },
      'payment_declined',
    ],
  ] as const)('%s → 200 and failed, with why; then the order can be paid', async (_, sent, reason) => {
    const { status, body, orderRef } = await payNew(sent);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      status: 'failed',
      phase: 'failed',
      failed_at: ISO,
      captured_at: null,
      amount_captured: 0,
      error_code: 'GATEWAY_ERROR',
      error_description: expect.any(String),
      error_source: DECLINE[reason],
      error_reason: reason,
    });
    expect((await gateway.pay(orderRef, UPI)).body['status']).toBe('captured');
    expect((await gateway.call('GET', `/v1/orders/${orderRef}`)).body).toMatchObject({
      status: 'paid',
      attempts: 2,
    });
  });

  test.each([
    ['4111 1111 1111 1111', 'Visa', '123'],
    ['5555-5555-5555-4444', 'Mastercard', '123'],
    ['6074820000000009', 'RuPay', '123'],
    ['3782 822463 10005', 'Amex', '1234'],
  ])('card %s → captured, masked, by %s', async (number, network, cvv) => {
    const { body } = await payNew({ ...CARD, card_number: number, card_cvv: cvv });
    expect(body).toMatchObject({
      status: 'captured',
      method: 'card',
      card_network: network,
      card_number_masked: `************${number.slice(-4)}`,
      vpa: null,
    });
  });

  test.each([
    ['the bank SUCC', { method: 'netbanking', bank_code: 'SUCC' }],
    ['a wallet code of 4 digits', { method: 'wallet', wallet: 'any', contact: '9876543210', otp: '1234' }],
  ])('%s → captured', async (_, sent) => {
    expect((await payNew(sent)).body['status']).toBe('captured');
  });

  test.each([
    ['the VPA pending@payflow', { method: 'upi', vpa: 'pending@payflow' }, 'upi_intent'],
    ['card …3184', { ...CARD, card_number: '4000002760003184' }, 'redirect'],
    ['netbanking without a bank', { method: 'netbanking' }, 'redirect'],
    ['a wallet without a code', { method: 'wallet' }, 'otp'],
  ])('%s → 200, created, with what the payer has to do', async (_, sent, type) => {
    const { status, body, orderRef } = await payNew(sent);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      status: 'created',
      phase: 'awaiting_customer',
      next_action: { type, url: expect.stringMatching(/^http/), expires_at: ISO },
      error_reason: null,
    });
    if (type === 'upi_intent') expect(body['next_action']?.['intent_url']).toMatch(/^upi:/);
    const minutes = (Date.parse(String(body['next_action']?.['expires_at'])) - Date.now()) / 60_000;
    expect(Math.round(minutes)).toBe(15);
    // Another way to pay takes its place.
    expect((await gateway.pay(orderRef, UPI)).body['status']).toBe('captured');
    expect(await gateway.moves(orderRef)).toEqual(expect.arrayContaining(['authorize', 'capture']));
  });

  test.each([
    ['the VPA timeout@payflow', { method: 'upi', vpa: 'timeout@payflow' }],
    ['card …6975', { ...CARD, card_number: '4000000000006975' }],
  ])('%s → 200 and unknown, never failed; captured once the bank is asked', async (_, sent) => {
    const { status, body, orderRef } = await payNew(sent);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      status: 'created',
      phase: 'unknown',
      next_action: null,
      error_reason: null,
    });
    const second = await gateway.pay(orderRef, UPI);
    expect([400, 409]).toContain(second.status);
    const { body: later } = await gateway.reaches(String(body['payment_ref']), 'captured');
    expect(later['status']).toBe('captured');
    expect(await gateway.moves(orderRef)).toEqual(['authorize', 'capture']);
  });

  test('the VPA late@payflow → unknown, given up when first asked, then captured after all', async () => {
    await gateway.lab.bank.faults({ late_success_ms: 1_500 });
    const { body, orderRef } = await payNew({ method: 'upi', vpa: 'late@payflow' });
    expect(body['phase']).toBe('unknown');
    await gateway.reaches(String(body['payment_ref']), 'captured');
    expect(await gateway.moves(orderRef)).toEqual(['authorize', 'capture']);
  });

  test('two payers of one order: while one is in doubt the other is told to wait', async () => {
    await gateway.lab.bank.faults({ down: true });
    const { body, orderRef } = await payNew(UPI);
    expect(body['phase']).toBe('unknown');
    const { status, body: refused } = await gateway.pay(orderRef, UPI);
    expect(status).toBe(409);
    expect(refused['error']?.['reason']).toBe('payment_in_progress');
    await gateway.lab.bank.faults(null);
    await gateway.reaches(String(body['payment_ref']), 'captured');
  });
});

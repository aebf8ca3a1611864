import jsqr from 'jsqr';
import { PNG } from 'pngjs';
import { setMerchantActive } from '../../db/merchants.ts';
import { registerMerchant, signUp } from '../../testing/api.ts';
import { startGateway, type Gateway } from '../../testing/gateway.ts';

let gateway: Gateway;
beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());
afterEach(() => gateway.lab.bank.faults(null));

const UPI = { method: 'upi', vpa: 'success@payflow' };
const CARD = { method: 'card', card_number: '4111 1111 1111 1111', card_expiry: '12/35', card_cvv: '123' };
const UNKNOWN = '0'.repeat(32);

/** A merchant of its own, with its QR token. */
async function openShop() {
  const merchant = await registerMerchant(gateway.api);
  const { body } = await gateway.api.call('GET', '/merchants/me', { auth: merchant.token });
  return { ...merchant, qrToken: String(body['qr_token']) };
}
type Shop = Awaited<ReturnType<typeof openShop>>;

const pay = (qrToken: string, body: object | string, headers: Record<string, string> = {}) =>
  gateway.api.call('POST', `/pay/qr/${qrToken}`, { body, headers });
const payeeOf = (qrToken: string) => gateway.api.call('GET', `/pay/qr/${qrToken}/merchant`);
const regenerate = ({ token: auth }: Shop) =>
  gateway.api.call('POST', '/merchants/me/qr-code/regenerate', { auth });

async function ordersOf({ merchantId }: Shop) {
  return gateway.sql<{ order_ref: string; source: string; amount: number; currency: string; status: string }>(
    'select order_ref, source, amount, currency, status from orders where merchant_id = $1',
    merchantId,
  );
}

async function scan({ token }: Shop): Promise<{ type: string | null; text: string | undefined }> {
  const response = await fetch(`${gateway.api.url}/merchants/me/qr-code`, {
    headers: { authorization: `Bearer ${token}` },
  });
  const { data, width, height } = PNG.sync.read(Buffer.from(await response.arrayBuffer()));
  return {
    type: response.headers.get('content-type'),
    text: jsqr.default(new Uint8ClampedArray(data), width, height)?.data,
  };
}

describe('GET /merchants/me/qr-code', () => {
  test('is an image that scanners read as the page of this shop', async () => {
    const shop = await openShop();
    expect(await scan(shop)).toEqual({ type: 'image/png', text: `http://shop.test/scan/${shop.qrToken}` });
  });

  test('is for merchants with a profile', async () => {
    const path = '/merchants/me/qr-code';
    expect((await gateway.api.call('GET', path)).status).toBe(401);
    for (const [role, status] of [
      ['user', 403],
      ['merchant', 404],
    ] as const) {
      const { token: auth } = await signUp(gateway.api, role);
      expect((await gateway.api.call('GET', path, { auth })).status).toBe(status);
      expect((await gateway.api.call('POST', `${path}/regenerate`, { auth })).status).toBe(status);
    }
  });
});

describe('POST /merchants/me/qr-code/regenerate', () => {
  test('answers with the whole merchant; the old code is dead at once, the new one pays', async () => {
    const shop = await openShop();
    const before = (await gateway.api.call('GET', '/merchants/me', { auth: shop.token })).body;
    const { status, body } = await regenerate(shop);
    expect(status).toBe(200);
    expect(body).toEqual(Object.assign({}, before, { qr_token: expect.stringMatching(/^[0-9a-f]{32}$/) }));
    expect(body['qr_token']).not.toBe(shop.qrToken);
    expect((await scan(shop)).text).toBe(`http://shop.test/scan/${String(body['qr_token'])}`);
    expect((await payeeOf(shop.qrToken)).status).toBe(404);
    expect((await pay(shop.qrToken, { ...UPI, amount: 100 })).status).toBe(404);
    expect((await pay(String(body['qr_token']), { ...UPI, amount: 100 })).status).toBe(200);
  });

  test("changes nobody else's", async () => {
    const [one, other] = [await openShop(), await openShop()];
    await regenerate(one);
    expect((await payeeOf(other.qrToken)).status).toBe(200);
  });

  test('is not for a suspended merchant', async () => {
    const shop = await openShop();
    await setMerchantActive(gateway.lab.pool, { merchantId: shop.merchantId, active: false });
    expect((await regenerate(shop)).status).toBe(403);
  });
});

describe('GET /pay/qr/{qr_token}/merchant', () => {
  test('tells a stranger who is paid and nothing else', async () => {
    const shop = await openShop();
    const { status, body } = await payeeOf(shop.qrToken);
    expect(status).toBe(200);
    expect(body).toEqual({
      id: shop.merchantId,
      business_name: "Jane's Store",
      is_active: true,
      is_verified: false,
    });
  });
});

describe('POST /pay/qr/{qr_token}', () => {
  test('hole 24: the payer pays, and it is an order of the merchant like any other', async () => {
    const shop = await openShop();
    const { status, body } = await pay(shop.qrToken, { ...UPI, amount: 12_345, email: 'c@example.com' });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      status: 'captured',
      amount: 12_345,
      currency: 'INR',
      email: 'c@example.com',
    });
    const [order] = await ordersOf(shop);
    expect(await ordersOf(shop)).toHaveLength(1);
    expect(order).toMatchObject({ source: 'qr', amount: 12_345, currency: 'INR', status: 'paid' });
    expect(body['order_ref']).toBe(order?.order_ref);
    expect(await gateway.moves(order?.order_ref ?? '')).toEqual(['authorize', 'capture']);
    const listed = await gateway.api.call('GET', '/v1/orders', { auth: shop.key });
    expect(listed.body.map((each) => each['order_ref'])).toEqual([order?.order_ref]);
  });

  test('hole 25: its merchant finds and refunds the payment, any other one finds nothing', async () => {
    const [shop, other] = [await openShop(), await openShop()];
    const { body: paid } = await pay(shop.qrToken, { ...UPI, amount: 500 });
    const path = `/v1/payments/${String(paid['payment_ref'])}`;
    expect((await gateway.api.call('GET', path, { auth: shop.key })).body).toEqual(paid);
    expect((await gateway.api.call('GET', path, { auth: other.key })).status).toBe(404);
    expect((await gateway.api.call('POST', `${path}/refund`, { auth: other.key })).status).toBe(404);
    expect((await gateway.api.call('POST', `${path}/refund`, { auth: shop.key })).body['status']).toBe(
      'processed',
    );
  });

  test('hole 58: every payment without a key is an order of its own', async () => {
    const shop = await openShop();
    await Promise.all(Array.from({ length: 5 }, () => pay(shop.qrToken, { ...UPI, amount: 100 })));
    const orders = await ordersOf(shop);
    expect(new Set(orders.map((order) => order.order_ref)).size).toBe(5);
    for (const { order_ref: ref } of orders) expect(ref).toMatch(/^pf_order_[0-9a-f]{20}$/);
  });

  test("hole 41: a decline is the payer's, and can be provoked", async () => {
    const shop = await openShop();
    const { status, body } = await pay(shop.qrToken, { method: 'upi', vpa: 'failure@payflow', amount: 100 });
    expect(status).toBe(200);
    expect(body).toMatchObject({ status: 'failed', error_reason: 'payment_declined' });
    expect((await ordersOf(shop))[0]).toMatchObject({ status: 'attempted' });
  });

  test('a card pays, and its number stays in no table', async () => {
    const shop = await openShop();
    const { body } = await pay(shop.qrToken, { ...CARD, amount: 100 }, { 'idempotency-key': 'card' });
    expect(body).toMatchObject({ status: 'captured', card_number_masked: '************1111' });
    const kept = await gateway.sql(
      'select c.*, p.* from commands c left join payers p using (order_ref) where c.merchant_id = $1',
      shop.merchantId,
    );
    expect(JSON.stringify(kept)).not.toContain('4111111111111111');
  });

  test.each([
    ['an unknown code', UNKNOWN],
    ['half a code', 'abc'],
    ['another shape', 'Z'.repeat(32)],
    ['NUL', '%00'],
  ])('%s → 404 "Invalid or inactive QR code"', async (_, token) => {
    for (const answer of [await payeeOf(token), await pay(token, { ...UPI, amount: 100 })]) {
      expect(answer.status).toBe(404);
      expect(answer.body['detail']).toBe('Invalid or inactive QR code');
      expect(answer.body['error']?.['reason']).toBe('qr_code_not_found');
    }
  });

  test('hole 22: the code of a suspended merchant is as good as none, until it is reinstated', async () => {
    const shop = await openShop();
    await setMerchantActive(gateway.lab.pool, { merchantId: shop.merchantId, active: false });
    for (const answer of [await payeeOf(shop.qrToken), await pay(shop.qrToken, { ...UPI, amount: 100 })]) {
      expect(answer.status).toBe(404);
      expect(answer.body['detail']).toBe('Invalid or inactive QR code');
    }
    expect(await ordersOf(shop)).toEqual([]);
    await setMerchantActive(gateway.lab.pool, { merchantId: shop.merchantId, active: true });
    expect((await pay(shop.qrToken, { ...UPI, amount: 100 })).status).toBe(200);
  });

  test.each([0, -1, -99_999_999_999])(
    'hole 44: the amount %p → 400, and there is no order',
    async (amount) => {
      const shop = await openShop();
      const { status, body } = await pay(shop.qrToken, { ...UPI, amount });
      expect(status).toBe(400);
      expect(body['detail']).toBe('Amount must be greater than 0');
      expect(body['error']).toMatchObject({ reason: 'amount_not_positive', field: 'amount' });
      expect(await ordersOf(shop)).toEqual([]);
    },
  );

  test.each([
    ['no amount', '{"method": "upi", "vpa": "a@b"}', 'amount'],
    ['a fraction', '{"method": "upi", "vpa": "a@b", "amount": 1.5}', 'amount'],
    ['an exponent', '{"method": "upi", "vpa": "a@b", "amount": 1e2}', 'amount'],
    ['a text', '{"method": "upi", "vpa": "a@b", "amount": "100"}', 'amount'],
    ['more than the maximum', '{"method": "upi", "vpa": "a@b", "amount": 100000000000}', 'amount'],
    ['no method', '{"amount": 100}', 'method'],
    ['no VPA', '{"method": "upi", "amount": 100}', 'vpa'],
    ['a currency', '{"method": "upi", "vpa": "a@b", "amount": 100, "currency": "USD"}', 'currency'],
    ['an order_ref', '{"method": "upi", "vpa": "a@b", "amount": 100, "order_ref": "x"}', 'order_ref'],
    ['a wrong card number', JSON.stringify({ ...CARD, card_number: '4111', amount: 100 }), 'card_number'],
  ])('hole 44: %s → 422 that names the field, and there is no order', async (_, body, field) => {
    const shop = await openShop();
    const answer = await pay(shop.qrToken, body);
    expect(answer.status).toBe(422);
    expect(answer.body['error']?.['field']).toBe(field);
    expect(await ordersOf(shop)).toEqual([]);
  });

  test('an unknown method → 400, and there is no order', async () => {
    const shop = await openShop();
    const { status, body } = await pay(shop.qrToken, { method: 'cash', amount: 100 });
    expect(status).toBe(400);
    expect(body['error']).toMatchObject({ reason: 'unsupported_method', field: 'method' });
    expect(await ordersOf(shop)).toEqual([]);
  });
});

describe('hole 11: Idempotency-Key', () => {
  const withKey = (key: string) => ({ 'idempotency-key': key });

  test('thirty clicks of one key → one order, one charge, one answer', async () => {
    const shop = await openShop();
    const body = { ...UPI, amount: 777 };
    const answers = await Promise.all(
      Array.from({ length: 30 }, () => pay(shop.qrToken, body, withKey('clicks'))),
    );
    answers.push(await pay(shop.qrToken, body, withKey('clicks')));
    expect(new Set(answers.map((answer) => `${answer.status} ${JSON.stringify(answer.body)}`)).size).toBe(1);
    expect(answers.filter(({ headers }) => headers['idempotent-replayed'] !== 'true')).toHaveLength(1);
    const orders = await ordersOf(shop);
    expect(orders).toHaveLength(1);
    expect(await gateway.moves(orders[0]?.order_ref ?? '')).toEqual(['authorize', 'capture']);
  });

  test('a request that was cut off between the order and the pay is finished by its repeat', async () => {
    const shop = await openShop();
    // The vault does not answer: by then the order stands.
    await gateway.lab.bank.faults({ down: true });
    const first = await pay(shop.qrToken, { ...CARD, amount: 100 }, withKey('cut'));
    expect(first.status).toBe(503);
    expect(await ordersOf(shop)).toMatchObject([{ status: 'created' }]);
    await gateway.lab.bank.faults(null);
    const second = await pay(shop.qrToken, { ...CARD, amount: 100 }, withKey('cut'));
    expect(second).toMatchObject({ status: 200, body: { status: 'captured' } });
    expect(await ordersOf(shop)).toMatchObject([{ status: 'paid' }]);
  });

  test('a 503 is not kept: the key can be used with another card', async () => {
    const shop = await openShop();
    await gateway.lab.bank.faults({ down: true });
    expect((await pay(shop.qrToken, { ...CARD, amount: 100 }, withKey('other-card'))).status).toBe(503);
    await gateway.lab.bank.faults(null);
    const other = { ...CARD, card_number: '5555555555554444', amount: 100 };
    expect((await pay(shop.qrToken, other, withKey('other-card'))).body['status']).toBe('captured');
    expect(await ordersOf(shop)).toHaveLength(1);
  });

  test.each([
    ['another amount', { ...UPI, amount: 101 }],
    ['another payer', { ...UPI, vpa: 'other@bank', amount: 100 }],
    ['another method', { ...CARD, amount: 100 }],
  ])('%s under the key → 422, and nothing is charged for it', async (name, body) => {
    const shop = await openShop();
    await pay(shop.qrToken, { ...UPI, amount: 100 }, withKey(name.replaceAll(' ', '-')));
    const answer = await pay(shop.qrToken, body, withKey(name.replaceAll(' ', '-')));
    expect(answer.status).toBe(422);
    expect(answer.body['error']?.['reason']).toBe('idempotency_key_reused');
    expect(await ordersOf(shop)).toHaveLength(1);
  });

  test('another card under the key → 422, though neither is stored', async () => {
    const shop = await openShop();
    await pay(shop.qrToken, { ...CARD, amount: 100 }, withKey('cards'));
    const other = { ...CARD, card_number: '5555555555554444', amount: 100 };
    expect((await pay(shop.qrToken, other, withKey('cards'))).status).toBe(422);
  });

  test('the key belongs to the code: another shop may use it', async () => {
    const [one, other] = [await openShop(), await openShop()];
    const answers = [
      await pay(one.qrToken, { ...UPI, amount: 100 }, withKey('shared')),
      await pay(other.qrToken, { ...UPI, amount: 100 }, withKey('shared')),
    ];
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect(answers[1]?.headers['idempotent-replayed']).toBeUndefined();
    expect([await ordersOf(one), await ordersOf(other)].map(({ length }) => length)).toEqual([1, 1]);
  });

  test('a decline is kept under its key; a new key is a new try', async () => {
    const shop = await openShop();
    const body = { method: 'upi', vpa: 'failure@payflow', amount: 100 };
    const first = await pay(shop.qrToken, body, withKey('decline'));
    const replay = await pay(shop.qrToken, body, withKey('decline'));
    expect(replay.body).toEqual(first.body);
    expect(await ordersOf(shop)).toHaveLength(1);
    expect((await pay(shop.qrToken, body, withKey('decline-2'))).body['order_ref']).not.toBe(
      first.body['order_ref'],
    );
  });
});

import { registerMerchant } from '../../testing/api.ts';
import { startGateway, type Gateway } from '../../testing/gateway.ts';

let gateway: Gateway;
beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());

const create = (body: object | string, headers: Record<string, string> = {}) =>
  gateway.call('POST', '/v1/orders', { body, headers });
const get = (path: string) => gateway.call('GET', path);

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

describe('POST /v1/orders', () => {
  test('the order of the guide is created as it is written there', async () => {
    const sent = {
      amount: 49900,
      currency: 'INR',
      receipt: 'your_order_id_123',
      notes: '{"customer_id": "cust_456"}',
    };
    const before = Date.now();
    const { status, body, headers } = await create(sent);
    expect(status).toBe(201);
    const ref = String(body['order_ref']);
    expect(body).toEqual({
      ...sent,
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      order_ref: expect.stringMatching(/^pf_order_[0-9a-f]{20}$/),
      status: 'created',
      attempts: 0,
      created_at: expect.stringMatching(ISO),
      expires_at: expect.stringMatching(ISO),
      amount_paid: 0,
      amount_due: 49900,
      amount_refunded: 0,
      payment_capture: 'automatic',
      checkout_url: `http://api.test/pay/${ref}`,
    });
    const lifetime = Date.parse(String(body['expires_at'])) - Date.parse(String(body['created_at']));
    expect(lifetime).toBe(30 * 60_000);
    expect(Date.parse(String(body['created_at']))).toBeGreaterThanOrEqual(before);
    expect(headers['x-request-id']).toEqual(expect.any(String));
    expect((await get(`/v1/orders/${ref}`)).body).toEqual(body);
  });

  test.each([1, 99_999_999_999])('takes the amount %d', async (amount) => {
    const { status, body } = await create({ amount });
    expect(status).toBe(201);
    expect(body).toMatchObject({ amount, currency: 'INR', receipt: null, notes: null });
  });

  test.each([0, -1, -49900])(
    'refuses the amount %d with a 400 and the words of the first version',
    async (amount) => {
      const { status, body } = await create({ amount });
      expect(status).toBe(400);
      expect(body['detail']).toBe('Amount must be greater than 0 paise');
      expect(body['error']).toMatchObject({
        reason: 'amount_not_positive',
        field: 'amount',
        code: 'BAD_REQUEST_ERROR',
      });
    },
  );

  test.each([
    ['a float', '{"amount": 100.0}'],
    ['a fraction', '{"amount": 100.5}'],
    ['an exponent', '{"amount": 1e2}'],
    ['a string', '{"amount": "100"}'],
    ['more than the most', '{"amount": 100000000000}'],
    ['more than a number can hold', '{"amount": 9007199254740993}'],
    ['very much more', '{"amount": 1e400}'],
    ['null', '{"amount": null}'],
    ['true', '{"amount": true}'],
    ['a list', '{"amount": [100]}'],
    ['nothing', '{}'],
  ])('refuses %s as an amount with a 422', async (_, body) => {
    const { status, body: answer } = await create(body);
    expect(status).toBe(422);
    expect(answer['detail']?.[0]).toMatchObject({ loc: ['body', 'amount'] });
    expect(answer['error']).toMatchObject({ reason: 'invalid_request', field: 'amount' });
  });

  test.each(['USD', 'EUR'])('takes the currency %s', async (currency) => {
    expect((await create({ amount: 5, currency })).body).toMatchObject({ currency });
  });

  test.each(['inr', 'GBP', '', 'INR ', '₹'])('refuses the currency "%s"', async (currency) => {
    const { status, body } = await create({ amount: 5, currency });
    expect(status).toBe(400);
    expect(body['detail']).toBe('Unsupported currency. Use INR, USD, or EUR');
    expect(body['error']?.['field']).toBe('currency');
  });

  test('names what it does not know', async () => {
    const { status, body } = await create({ amount: 5, merchant_id: 'x', status: 'paid' });
    expect(status).toBe(422);
    expect(body['detail']).toEqual([
      { loc: ['body', 'merchant_id'], msg: 'Extra inputs are not permitted', type: 'extra_forbidden' },
      { loc: ['body', 'status'], msg: 'Extra inputs are not permitted', type: 'extra_forbidden' },
    ]);
  });

  test('takes a receipt of 40 characters and not of 41', async () => {
    expect((await create({ amount: 5, receipt: 'r'.repeat(40) })).body['receipt']).toBe('r'.repeat(40));
    const { status, body } = await create({ amount: 5, receipt: 'r'.repeat(41) });
    expect(status).toBe(422);
    expect(body['error']?.['field']).toBe('receipt');
  });

  const pairs = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, `v${i}`]));

  test.each([
    ['a text', 'as it was'],
    ['an empty text', ''],
    ['a text that looks like JSON', '{"a":  1}'],
    ['other scripts and emoji', 'नमस्ते 👩‍👩‍👧 ok'],
    ['an object', { customer: 'c1', vip: true, age: 3 }],
    ['an empty object', {}],
    ['15 pairs', pairs(15)],
    ['256 characters', { long: 'x'.repeat(256) }],
    ['names that mean something to JavaScript', { constructor: 'c', toString: 't', length: 'l' }],
  ])('returns %s as notes as they were sent', async (_, notes) => {
    const { status, body } = await create({ amount: 5, notes });
    expect(status).toBe(201);
    expect(body['notes']).toEqual(notes);
    expect((await get(`/v1/orders/${String(body['order_ref'])}`)).body['notes']).toEqual(notes);
  });

  test.each([
    ['16 pairs', pairs(16)],
    ['257 characters', { long: 'x'.repeat(257) }],
    ['a list', ['a']],
    ['a number', 5],
    ['an object in an object', { a: { b: 'c' } }],
    ['a text that is too long', 'x'.repeat(4_097)],
  ])('refuses %s as notes', async (_, notes) => {
    const { status, body } = await create({ amount: 5, notes });
    expect(status).toBe(422);
    expect(String(body['error']?.['field'])).toMatch(/^notes/);
  });

  test('a note named __proto__ is refused, not lost', async () => {
    expect((await create('{"amount": 5, "notes": {"__proto__": "x"}}')).status).toBe(422);
  });

  test.each([60, 3_600, 604_800])('expires in %d seconds if wanted', async (seconds) => {
    const { body } = await create({ amount: 5, expires_in: seconds });
    const lifetime = Date.parse(String(body['expires_at'])) - Date.parse(String(body['created_at']));
    expect(lifetime).toBe(seconds * 1_000);
  });

  test.each([59, 0, -60, 604_801, 60.5, '60'])('refuses to expire in %p seconds', async (seconds) => {
    const { status, body } = await create({ amount: 5, expires_in: seconds });
    expect(status).toBe(422);
    expect(body['error']?.['field']).toBe('expires_in');
  });

  test('may be captured by hand', async () => {
    expect((await create({ amount: 5, payment_capture: 'manual' })).body['payment_capture']).toBe('manual');
    expect((await create({ amount: 5, payment_capture: 'never' })).status).toBe(422);
  });

  test.each([
    ['NUL', '{"amount": 5, "receipt": "a\\u0000b"}', 400, 'nul_character'],
    ['NUL in a name', '{"amount": 5, "a\\u0000b": 1}', 400, 'nul_character'],
    ['a lone surrogate', '{"amount": 5, "notes": "\\ud800"}', 400, 'lone_surrogate'],
    ['nine levels', `{"amount": 5, "notes": ${'['.repeat(9)}${']'.repeat(9)}}`, 400, 'too_deep'],
    ['65 kB', JSON.stringify({ amount: 5, notes: 'x'.repeat(65_536) }), 413, 'body_too_large'],
    ['half an object', '{"amount": 5', 400, 'malformed_json'],
    ['no JSON', 'amount=5', 400, 'malformed_json'],
    ['a list', '[]', 422, 'invalid_request'],
    ['null', 'null', 422, 'invalid_request'],
    ['a text', '"amount"', 422, 'invalid_request'],
    ['nothing', '', 422, 'invalid_request'],
  ])('a body of %s is refused by name', async (_, body, status, reason) => {
    const answer = await create(body);
    expect(answer.status).toBe(status);
    expect(answer.body['error']?.['reason']).toBe(reason);
  });

  test('a body of another kind is refused', async () => {
    const { status } = await create('amount=5', { 'content-type': 'application/x-www-form-urlencoded' });
    expect(status).toBe(415);
  });
});

describe('who may', () => {
  test.each([
    ['POST', '/v1/orders'],
    ['GET', '/v1/orders'],
    ['GET', '/v1/orders/pf_order_00000000000000000000'],
    ['GET', '/v1/orders/pf_order_00000000000000000000/payments'],
  ])('%s %s: nobody without a key, and nobody learns more', async (method, path) => {
    const { status, headers, body } = await gateway.api.call(
      method,
      path,
      method === 'POST' ? { body: 'x' } : {},
    );
    expect(status).toBe(401);
    expect(headers['www-authenticate']).toBe('Basic realm="PayFlow"');
    expect(body['detail']).toBe('Not authenticated');
  });

  test('a key that may only read creates nothing, and one that may only write reads nothing', async () => {
    const keyFor = async (scope: string) => {
      const { token } = gateway.merchant;
      const { body } = await gateway.api.call('POST', '/merchants/me/keys', {
        auth: token,
        body: { scopes: [scope] },
      });
      return { keyId: String(body['key_id']), secret: String(body['key_secret']) };
    };
    const [reader, writer] = [await keyFor('read'), await keyFor('write')];
    expect((await gateway.api.call('POST', '/v1/orders', { auth: reader, body: { amount: 5 } })).status).toBe(
      403,
    );
    expect((await gateway.api.call('GET', '/v1/orders', { auth: reader })).status).toBe(200);
    expect((await gateway.api.call('GET', '/v1/orders', { auth: writer })).status).toBe(403);
  });

  test("another merchant's order is as absent as one that never was", async () => {
    const ref = await gateway.order();
    const stranger = await registerMerchant(gateway.api);
    for (const suffix of ['', '/payments']) {
      const ask = async (orderRef: string) => {
        const answer = await gateway.api.call('GET', `/v1/orders/${orderRef}${suffix}`, {
          auth: stranger.key,
        });
        const text = JSON.stringify(answer.body);
        return {
          status: answer.status,
          text: text.replace(String(answer.body['error']?.['request_id']), ''),
        };
      };
      const foreign = await ask(ref);
      expect(foreign.status).toBe(404);
      expect(JSON.parse(foreign.text)).toMatchObject({ detail: 'Order not found' });
      expect(await ask('pf_order_00000000000000000000')).toEqual(foreign);
      expect(await ask('nonsense')).toEqual(foreign);
      expect(await ask('pf_order_%00')).toEqual(foreign);
    }
    const { body } = await gateway.api.call('GET', '/v1/orders', { auth: stranger.key });
    expect(body).toEqual([]);
  });
});

describe('Idempotency-Key', () => {
  test('the same key and body → the same order, also when it has been paid since', async () => {
    const headers = { 'idempotency-key': 'order-1' };
    const first = await create({ amount: 700, notes: { a: '1' }, receipt: 'r' }, headers);
    expect(first.headers['idempotent-replayed']).toBeUndefined();
    await gateway.pay(String(first.body['order_ref']), { method: 'upi', vpa: 'success@payflow' });
    const again = await create({ receipt: 'r', notes: { a: '1' }, amount: 700 }, headers);
    expect(again.status).toBe(201);
    expect(again.headers['idempotent-replayed']).toBe('true');
    expect(JSON.stringify(again.body)).toBe(JSON.stringify(first.body));
  });

  test('the same key and another body → 422, and the first order stands', async () => {
    const headers = { 'idempotency-key': 'order-2' };
    const { body: first } = await create({ amount: 700 }, headers);
    const { status, body } = await create({ amount: 701 }, headers);
    expect(status).toBe(422);
    expect(body['error']?.['reason']).toBe('idempotency_key_reused');
    expect((await create({ amount: 700 }, headers)).body).toEqual(first);
  });

  test('fifty twins at once → one order, equal replies', async () => {
    const headers = { 'idempotency-key': 'order-3' };
    const answers = await Promise.all(Array.from({ length: 50 }, () => create({ amount: 703 }, headers)));
    expect(new Set(answers.map(({ status, body }) => `${status} ${JSON.stringify(body)}`)).size).toBe(1);
    expect(answers.filter((answer) => answer.headers['idempotent-replayed'] === undefined)).toHaveLength(1);
    expect(await gateway.sql('select 1 from orders where amount = 703')).toHaveLength(1);
  });

  test('two merchants may use one key', async () => {
    const headers = { 'idempotency-key': 'order-4' };
    const first = await create({ amount: 704 }, headers);
    const stranger = await registerMerchant(gateway.api);
    const other = await gateway.api.call('POST', '/v1/orders', {
      auth: stranger.key,
      body: { amount: 705 },
      headers,
    });
    expect(other.status).toBe(201);
    expect(other.body['order_ref']).not.toBe(first.body['order_ref']);
  });

  test.each([
    ['nothing', ''],
    ['256 characters', 'k'.repeat(256)],
    ['a blank', 'a b'],
    ['other letters', 'schlüssel'],
  ])('a key of %s is refused', async (_, key) => {
    const { status, body } = await create({ amount: 5 }, { 'idempotency-key': key });
    expect(status).toBe(400);
    expect(body['error']?.['reason']).toBe('invalid_idempotency_key');
  });

  test('what is refused for its shape is not kept: the key can be used again', async () => {
    const headers = { 'idempotency-key': 'k'.repeat(255) };
    expect((await create({ amount: '5' }, headers)).status).toBe(422);
    expect((await create({ amount: 5 }, headers)).status).toBe(201);
  });
});

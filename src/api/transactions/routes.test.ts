import { setMerchantActive } from '../../db/merchants.ts';
import { registerMerchant, signUp, startApi, type Answered } from '../../testing/api.ts';
import { startGateway, type Gateway } from '../../testing/gateway.ts';

let gateway: Gateway;
beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());
afterEach(() => gateway.lab.bank.faults(null));

const UNKNOWN = '00000000-0000-7000-8000-00000000abcd';
let keys = 0;
const upi = (change: object = {}) => ({
  amount: 499.99,
  payment_method: 'upi',
  idempotency_key: `txn-${++keys}`,
  ...change,
});

const make = (auth: string, body: object | string) =>
  gateway.api.call('POST', '/transactions/', { auth, body });
const list = (auth: string, query = '') => gateway.api.call('GET', `/transactions/${query}`, { auth });
const find = (auth: string, id: unknown) => gateway.api.call('GET', `/transactions/${String(id)}`, { auth });
const ids = ({ body }: Answered) => body.map((each) => each['id']);

async function idOf(email: string): Promise<string> {
  const [row] = await gateway.sql<{ id: string }>('select id from users where email = $1', email);
  return row?.id ?? '';
}

async function signUpAdmin() {
  const account = await signUp(gateway.api);
  await gateway.sql(`update users set role = 'admin' where email = $1`, account.email);
  return account;
}

describe('POST /transactions/', () => {
  test('of a user: an order in rupees and its payment, in the shape of the first version', async () => {
    const { token, email } = await signUp(gateway.api, 'user');
    const { status, body } = await make(token, upi({ idempotency_key: 'first' }));
    expect(status).toBe(201);
    expect(body).toEqual({
      id: expect.any(String),
      amount: 499.99,
      payment_method: 'upi',
      status: 'success',
      idempotency_key: 'first',
      is_flagged: false,
      user_id: await idOf(email),
      merchant_id: null,
      admin_id: null,
      created_at: expect.stringMatching(/Z$/),
      order_ref: expect.stringMatching(/^pf_order_/),
      payment_ref: expect.stringMatching(/^pf_pay_/),
    });
    const orders = await gateway.sql(
      'select source, amount, currency, status from orders where order_ref = $1',
      body['order_ref'],
    );
    expect(orders).toEqual([{ source: 'legacy', amount: 49_999, currency: 'INR', status: 'paid' }]);
    expect(await gateway.moves(String(body['order_ref']))).toEqual(['authorize', 'capture']);
    expect((await find(token, body['id'])).body).toEqual(body);
  });

  test('of a merchant: it is paid itself, and finds the payment with its API key', async () => {
    const { token, merchantId, key } = await registerMerchant(gateway.api);
    const { body } = await make(token, upi());
    expect(body).toMatchObject({ status: 'success', user_id: null, merchant_id: merchantId, admin_id: null });
    const payment = await gateway.api.call('GET', `/v1/payments/${String(body['payment_ref'])}`, {
      auth: key,
    });
    expect(payment.body).toMatchObject({ status: 'captured', amount: 49_999 });
  });

  test('of an admin: it is his', async () => {
    const { token, email } = await signUpAdmin();
    const { body } = await make(token, upi());
    expect(body).toMatchObject({ user_id: null, merchant_id: null, admin_id: await idOf(email) });
  });

  test('of a merchant without a profile → 404, of a suspended one → 403, of nobody → 401', async () => {
    expect((await make((await signUp(gateway.api)).token, upi())).status).toBe(404);
    const { token, merchantId } = await registerMerchant(gateway.api);
    await setMerchantActive(gateway.lab.pool, { merchantId, active: false });
    expect((await make(token, upi())).status).toBe(403);
    expect((await list(token)).status).toBe(200);
    expect((await gateway.api.call('POST', '/transactions/', { body: upi() })).status).toBe(401);
  });

  test.each([
    ['upi', 'upi'],
    ['UPI', 'upi'],
    ['card', 'card'],
    ['Netbanking', 'netbanking'],
  ])('the method %s alone pays in development mode', async (given, method) => {
    const { token } = await signUp(gateway.api, 'user');
    const { body } = await make(token, upi({ payment_method: given }));
    expect(body).toMatchObject({ payment_method: method, status: 'success' });
  });

  test('in production nothing stands in for what the payer pays with', async () => {
    const { token } = await signUp(gateway.api, 'user');
    const production = await startApi({
      database: gateway.api.database,
      config: { ...gateway.api.deps.config, development: false },
    });
    try {
      for (const [payment_method, field] of [
        ['upi', 'vpa'],
        ['card', 'card_number'],
      ]) {
        const body = upi({ payment_method });
        const answer = await production.call('POST', '/transactions/', { auth: token, body });
        expect(answer.status).toBe(422);
        expect(answer.body['error']?.['field']).toBe(field);
      }
    } finally {
      await production.close();
    }
    expect((await list(token)).body).toEqual([]);
  });

  test.each(['wallet', 'cash', ''])('the method "%s" → 400', async (payment_method) => {
    const { token } = await signUp(gateway.api, 'user');
    const { status, body } = await make(token, upi({ payment_method }));
    expect(status).toBe(400);
    expect(body['error']).toMatchObject({ reason: 'unsupported_method', field: 'payment_method' });
  });

  test.each(['0.01', '1', '100.5', '100.50', '1e2', '999999999.99'])(
    'hole 43: %s rupees are exactly that',
    async (amount) => {
      const { token } = await signUp(gateway.api, 'user');
      const body = `{"amount": ${amount}, "payment_method": "upi", "idempotency_key": "exact"}`;
      const answer = await make(token, body);
      expect(answer.status).toBe(201);
      expect(answer.body['amount']).toBe(Number(amount));
    },
  );

  test.each(['0', '-0.01', '-500'])('hole 43: %s rupees → 400, and there is no order', async (amount) => {
    const { token } = await signUp(gateway.api, 'user');
    const body = `{"amount": ${amount}, "payment_method": "upi", "idempotency_key": "no"}`;
    const answer = await make(token, body);
    expect(answer.status).toBe(400);
    expect(answer.body['error']).toMatchObject({ reason: 'amount_not_positive', field: 'amount' });
    expect((await list(token)).body).toEqual([]);
  });

  test.each([
    ['three decimals', '{"amount": 1.005, "payment_method": "upi", "idempotency_key": "x"}', 'amount'],
    ['infinity', '{"amount": 1e999, "payment_method": "upi", "idempotency_key": "x"}', 'amount'],
    ['too much', '{"amount": 1000000000, "payment_method": "upi", "idempotency_key": "x"}', 'amount'],
    ['a text', '{"amount": "5", "payment_method": "upi", "idempotency_key": "x"}', 'amount'],
    ['no amount', '{"payment_method": "upi", "idempotency_key": "x"}', 'amount'],
    ['no method', '{"amount": 1, "idempotency_key": "x"}', 'payment_method'],
    ['no key', '{"amount": 1, "payment_method": "upi"}', 'idempotency_key'],
    ['an empty key', '{"amount": 1, "payment_method": "upi", "idempotency_key": ""}', 'idempotency_key'],
    [
      'a status',
      '{"amount": 1, "payment_method": "upi", "idempotency_key": "x", "status": "success"}',
      'status',
    ],
  ])('hole 43: %s → 422 that names the field', async (_, body, field) => {
    const { token } = await signUp(gateway.api, 'user');
    const answer = await make(token, body);
    expect(answer.status).toBe(422);
    expect(answer.body['error']?.['field']).toBe(field);
  });

  test('NaN is no JSON → 400', async () => {
    const { token } = await signUp(gateway.api, 'user');
    expect((await make(token, '{"amount": NaN}')).status).toBe(400);
  });
});

describe('what the bank makes of it', () => {
  test.each([
    ['failure@payflow', 'failed'],
    ['pending@payflow', 'pending'],
    ['timeout@payflow', 'processing'],
  ])('hole 41: with the VPA %s it is %s', async (vpa, status) => {
    const { token } = await signUp(gateway.api, 'user');
    expect((await make(token, upi({ vpa }))).body['status']).toBe(status);
  });

  test('an outcome that is unknown is never shown as failed, and becomes known', async () => {
    const { token } = await signUp(gateway.api, 'user');
    const { body } = await make(token, upi({ vpa: 'timeout@payflow' }));
    for (let tries = 0; tries < 200; tries += 1) {
      const { body: now } = await find(token, body['id']);
      if (String(now['status']) === 'success') return;
      expect(now['status']).toBe('processing');
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error('the transaction does not become a success');
  });
});

describe('hole 12: idempotency_key', () => {
  test('a repeat → 201 with the first record, one order, one charge', async () => {
    const { token } = await signUp(gateway.api, 'user');
    const first = await make(token, upi({ idempotency_key: 'again' }));
    const second = await make(token, upi({ idempotency_key: 'again' }));
    expect([first.status, second.status]).toEqual([201, 201]);
    expect(second.body).toEqual(first.body);
    expect(second.headers['idempotent-replayed']).toBe('true');
    expect(ids(await list(token))).toEqual([first.body['id']]);
    expect(await gateway.moves(String(first.body['order_ref']))).toEqual(['authorize', 'capture']);
  });

  test('it belongs to its user: with the same key another one makes a transaction of his own', async () => {
    const [one, other] = [await signUp(gateway.api, 'user'), await signUp(gateway.api, 'user')];
    const [first, second] = [
      await make(one.token, upi({ idempotency_key: 'mine' })),
      await make(other.token, upi({ idempotency_key: 'mine' })),
    ];
    expect(second.body['status']).toBe('success');
    expect(second.body['id']).not.toBe(first.body['id']);
    expect(second.headers['idempotent-replayed']).toBeUndefined();
  });

  test.each([{ amount: 500 }, { payment_method: 'card' }, { vpa: 'other@bank' }])(
    '%p under the same key → 422, and nothing is charged for it',
    async (change) => {
      const { token } = await signUp(gateway.api, 'user');
      await make(token, upi({ idempotency_key: 'reused' }));
      const { status, body } = await make(token, upi({ idempotency_key: 'reused', ...change }));
      expect(status).toBe(422);
      expect(body['error']?.['reason']).toBe('idempotency_key_reused');
      expect((await list(token)).body).toHaveLength(1);
    },
  );

  test('twenty twins at once → one order, one charge, one answer', async () => {
    const { token } = await signUp(gateway.api, 'user');
    const sent = upi();
    const answers = await Promise.all(Array.from({ length: 20 }, () => make(token, sent)));
    expect(new Set(answers.map(({ status, body }) => `${status} ${JSON.stringify(body)}`)).size).toBe(1);
    expect(answers[0]).toMatchObject({ status: 201, body: { status: 'success' } });
    expect((await list(token)).body).toHaveLength(1);
    expect(await gateway.moves(String(answers[0]?.body['order_ref']))).toEqual(['authorize', 'capture']);
  });

  test('a request that was cut off before its pay is finished by its repeat', async () => {
    const { token } = await signUp(gateway.api, 'user');
    const sent = upi({ payment_method: 'card' });
    // The vault does not answer: by then the order stands.
    await gateway.lab.bank.faults({ down: true });
    expect((await make(token, sent)).status).toBe(503);
    expect((await list(token)).body).toMatchObject([{ status: 'pending', payment_ref: null }]);
    await gateway.lab.bank.faults(null);
    expect(await make(token, sent)).toMatchObject({ status: 201, body: { status: 'success' } });
    expect((await list(token)).body).toHaveLength(1);
  });

  test('a 503 is not kept: the key can be used with another method, which is then shown', async () => {
    const { token } = await signUp(gateway.api, 'user');
    const sent = upi({ payment_method: 'card' });
    await gateway.lab.bank.faults({ down: true });
    expect((await make(token, sent)).status).toBe(503);
    await gateway.lab.bank.faults(null);
    const { body } = await make(token, { ...sent, payment_method: 'upi' });
    expect(body).toMatchObject({ status: 'success', payment_method: 'upi' });
    expect(ids(await list(token))).toEqual([body['id']]);
  });
});

describe('GET /transactions/ and /transactions/{id}', () => {
  test('hole 54: who lists a transaction reads it: users their own, merchants theirs, admins all', async () => {
    const [user, stranger] = [await signUp(gateway.api, 'user'), await signUp(gateway.api, 'user')];
    const [shop, admin] = [await registerMerchant(gateway.api), await signUpAdmin()];
    const ofUser = (await make(user.token, upi())).body['id'];
    const ofShop = (await make(shop.token, upi())).body['id'];
    expect(ids(await list(user.token))).toEqual([ofUser]);
    expect(ids(await list(shop.token))).toEqual([ofShop]);
    expect(ids(await list(stranger.token))).toEqual([]);
    expect(ids(await list(admin.token, '?limit=2'))).toEqual([ofShop, ofUser]);
    expect((await find(shop.token, ofShop)).status).toBe(200);
    expect((await find(admin.token, ofUser)).status).toBe(200);
    for (const [token, id] of [
      [user.token, ofShop],
      [shop.token, ofUser],
      [stranger.token, ofUser],
    ] as const) {
      expect((await find(token, id)).status).toBe(404);
    }
  });

  test('a foreign one and an unknown one are the same 404; a malformed id is a 400', async () => {
    const [user, other] = [await signUp(gateway.api, 'user'), await signUp(gateway.api, 'user')];
    const foreign = (await make(other.token, upi())).body['id'];
    const answers = [await find(user.token, foreign), await find(user.token, UNKNOWN)].map(
      ({ status, body }) => {
        const error = Object.assign({}, body['error'], { request_id: '' });
        return JSON.stringify({ status, detail: body['detail'], error });
      },
    );
    expect(answers[0]).toBe(answers[1]);
    expect(answers[0]).toContain('"status":404,"detail":"Transaction not found"');
    for (const id of ['1', 'x', '507f1f77bcf86cd799439011', '%00', "'"]) {
      const { status, body } = await find(user.token, id);
      expect({ status, reason: body['error']?.['reason'] }).toEqual({
        status: 400,
        reason: 'invalid_transaction_id',
      });
    }
  });

  test('a merchant without a profile has none', async () => {
    const { token } = await signUp(gateway.api);
    expect((await list(token)).body).toEqual([]);
    expect((await find(token, UNKNOWN)).status).toBe(404);
  });

  test('what was paid by QR code is in the list of its merchant, and of nobody else but admins', async () => {
    const [shop, other] = [await registerMerchant(gateway.api), await registerMerchant(gateway.api)];
    const { body: profile } = await gateway.api.call('GET', '/merchants/me', { auth: shop.token });
    const { body: paid } = await gateway.api.call('POST', `/pay/qr/${String(profile['qr_token'])}`, {
      body: { method: 'upi', vpa: 'a@b', amount: 12_345 },
    });
    const { body } = await list(shop.token);
    expect(body).toHaveLength(1);
    expect(body[0]).toMatchObject({
      amount: 123.45,
      status: 'success',
      payment_ref: paid['payment_ref'],
      merchant_id: shop.merchantId,
      user_id: null,
      idempotency_key: null,
    });
    expect((await list(other.token)).body).toEqual([]);
    expect(ids(await list((await signUpAdmin()).token, '?limit=1'))).toEqual(ids({ body } as Answered));
  });

  test('hole 45: comes by pages, newest first', async () => {
    const { token } = await signUp(gateway.api, 'user');
    const made = [];
    for (let count = 0; count < 3; count += 1) made.push((await make(token, upi())).body['id']);
    const page = await list(token, '?limit=2');
    expect(ids(page)).toEqual([made[2], made[1]]);
    expect(page.headers['payflow-has-more']).toBe('true');
    const next = /^<(.*)>; rel="next"$/.exec(String(page.headers['link']))?.[1] ?? '';
    const last = await gateway.api.call('GET', next, { auth: token });
    expect(ids(last)).toEqual([made[0]]);
    expect(last.headers['payflow-has-more']).toBe('false');
    expect((await list(token, '?limit=101')).status).toBe(422);
    expect((await list(token, '?starting_after=x')).status).toBe(422);
    const foreign = (await make((await signUp(gateway.api, 'user')).token, upi())).body['id'];
    const wrong = await list(token, `?starting_after=${String(foreign)}`);
    expect(wrong.status).toBe(400);
    expect(wrong.body['error']?.['field']).toBe('starting_after');
  });
});

test('nobody can sign in or register as the house merchant', async () => {
  const { token } = await signUp(gateway.api, 'user');
  await make(token, upi());
  const login = await gateway.api.call('POST', '/auth/login-json', {
    body: { email: 'house', password: 'none' },
  });
  expect(login.status).toBe(401);
  const register = await gateway.api.call('POST', '/auth/register', {
    body: { name: 'House', email: 'house', password: 'secret' },
  });
  expect(register.status).toBe(422);
});

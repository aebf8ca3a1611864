import { registerMerchant, signUp, startApi, type TestApi } from '../../testing/api.ts';
import { setMerchantActive } from '../../db/merchants.ts';
import { DEFAULT_SUBSCRIPTION } from '../../domain/events.ts';

let api: TestApi;

beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

let shops = 0;
const shop = () => ({ business_name: "Jane's Store", business_email: `payments${++shops}@mystore.com` });

async function sql<T>(text: string, ...values: unknown[]): Promise<T[]> {
  const { rows } = await api.deps.pool.query(text, values);
  return rows as T[];
}

describe.each(['/merchants/', '/merchants'])('POST %s', (path) => {
  test('the quick start of the guide works as it is written', async () => {
    const { token: auth } = await signUp(api);
    const body = {
      ...shop(),
      website: 'https://mystore.com',
      webhook_url: 'https://mystore.com/webhook/payflow',
    };
    const { status, body: merchant } = await api.call('POST', path, { auth, body });
    expect(status).toBe(201);
    expect(merchant).toEqual({
      ...body,
      id: expect.any(String),
      user_id: expect.any(String),
      qr_token: expect.stringMatching(/^[0-9a-f]{32}$/),
      is_active: true,
      is_verified: false,
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      webhook_secret: expect.stringMatching(/^whsec_[A-Za-z0-9+/]{43}=$/),
    });
    const again = await api.call('GET', '/merchants/me/webhook-secret', { auth });
    expect(again).toMatchObject({ status: 200, body: { webhook_secret: merchant['webhook_secret'] } });
  });
});

describe('a new merchant', () => {
  test('has its primary endpoint and its sequence from the start', async () => {
    const { merchantId } = await registerMerchant(api);
    expect(
      await sql('select is_primary, url, events from webhook_endpoints where merchant_id = $1', merchantId),
    ).toEqual([{ is_primary: true, url: null, events: [...DEFAULT_SUBSCRIPTION] }]);
    expect(
      await sql('select last_sequence from merchant_sequences where merchant_id = $1', merchantId),
    ).toEqual([{ last_sequence: 0 }]);
  });

  test('is one per account, whoever comes first', async () => {
    const { token: auth } = await signUp(api);
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => api.call('POST', '/merchants/', { auth, body: shop() })),
    );
    expect(answers.map(({ status }) => status).toSorted((one, other) => one - other)).toEqual([
      201, 400, 400, 400, 400,
    ]);
    const refused = answers.find(({ status }) => status === 400);
    expect(refused?.body['detail']).toBe('Merchant profile already exists');
    const rows = await sql(
      'select count(*)::int as endpoints from webhook_endpoints e join merchants m on m.id = e.merchant_id ' +
        'where m.business_email = any($1)',
      answers.map(({ body }) => body['business_email']),
    );
    expect(rows).toEqual([{ endpoints: 1 }]);
  });

  test('needs a business address of its own, in whatever case it is written', async () => {
    const taken = shop();
    await api.call('POST', '/merchants/', { auth: (await signUp(api)).token, body: taken });
    const { token: auth } = await signUp(api);
    const body = { ...taken, business_email: ` ${taken.business_email.toUpperCase()}` };
    const answer = await api.call('POST', '/merchants/', { auth, body });
    expect(answer.status).toBe(400);
    expect(answer.body['detail']).toBe('Business email already registered');
    expect(answer.body['error']?.['field']).toBe('business_email');
  });

  test('is not for the role user', async () => {
    const { token: auth } = await signUp(api, 'user');
    const { status, body } = await api.call('POST', '/merchants/', { auth, body: shop() });
    expect(status).toBe(403);
    expect(body['detail']).toBe('Only merchant or admin accounts can access this resource');
  });

  test('may be an admin', async () => {
    const { token: auth, email } = await signUp(api);
    await sql(`update users set role = 'admin' where email = $1`, email);
    expect((await api.call('POST', '/merchants/', { auth, body: shop() })).status).toBe(201);
  });

  test('cannot verify or activate itself', async () => {
    const { token: auth } = await signUp(api);
    const body = { ...shop(), is_verified: true, qr_token: 'x', user_id: 'y' };
    const answer = await api.call('POST', '/merchants/', { auth, body });
    expect(answer.status).toBe(422);
    expect(answer.body['detail']?.map((fault) => fault['loc']?.[1])).toEqual([
      'is_verified',
      'qr_token',
      'user_id',
    ]);
    expect(await sql('select 1 from merchants where business_email = $1', body.business_email)).toEqual([]);
  });

  test.each(['ftp://mystore.com/hook', 'javascript:alert(1)', 'mystore.com', 'http://'])(
    'cannot be told at %s',
    async (url) => {
      const { token: auth } = await signUp(api);
      const answer = await api.call('POST', '/merchants/', { auth, body: { ...shop(), webhook_url: url } });
      expect(answer.status).toBe(422);
    },
  );

  test('cannot be told at a private address', async () => {
    const { token: auth } = await signUp(api);
    const body = { ...shop(), webhook_url: 'https://10.0.0.1/hook' };
    const answer = await api.call('POST', '/merchants/', { auth, body });
    expect(answer.status).toBe(400);
    expect(answer.body['error']).toMatchObject({ reason: 'invalid_webhook_url', field: 'webhook_url' });
  });
});

describe('GET and PATCH /merchants/me', () => {
  test('without a profile there is nothing to show', async () => {
    const { token: auth } = await signUp(api);
    const { status, body } = await api.call('GET', '/merchants/me', { auth });
    expect(status).toBe(404);
    expect(body['detail']).toBe('Merchant profile not found. Register first.');
  });

  test('shows the profile, without the secret', async () => {
    const { token: auth, merchantId } = await registerMerchant(api);
    const { status, body } = await api.call('GET', '/merchants/me', { auth });
    expect(status).toBe(200);
    expect(body['id']).toBe(merchantId);
    expect(body).not.toHaveProperty('webhook_secret');
  });

  test('changes what is given and nothing else', async () => {
    const { token: auth } = await registerMerchant(api);
    const before = (await api.call('GET', '/merchants/me', { auth })).body;
    const changes = { business_name: 'Other', webhook_url: 'http://127.0.0.1:9/hook' };
    const { status, body } = await api.call('PATCH', '/merchants/me', { auth, body: changes });
    expect(status).toBe(200);
    expect(body).toEqual(Object.assign({}, before, changes));
    expect((await api.call('GET', '/merchants/me', { auth })).body).toEqual(body);
  });

  test('an empty webhook_url takes the address away, and so does null', async () => {
    const { token: auth } = await registerMerchant(api);
    for (const nothing of ['', null]) {
      await api.call('PATCH', '/merchants/me', { auth, body: { webhook_url: 'https://mystore.com/hook' } });
      const { body } = await api.call('PATCH', '/merchants/me', { auth, body: { webhook_url: nothing } });
      expect(body['webhook_url']).toBeNull();
    }
  });

  test('a new address wakes an endpoint that had been switched off', async () => {
    const { token: auth, merchantId } = await registerMerchant(api);
    await sql(
      `update webhook_endpoints set is_active = false, disabled_reason = 'gone' where merchant_id = $1`,
      merchantId,
    );
    await api.call('PATCH', '/merchants/me', { auth, body: { webhook_url: 'https://mystore.com/hook' } });
    expect(
      await sql(
        'select is_active, disabled_reason from webhook_endpoints where merchant_id = $1',
        merchantId,
      ),
    ).toEqual([{ is_active: true, disabled_reason: null }]);
  });

  test('an empty change changes nothing', async () => {
    const { token: auth } = await registerMerchant(api);
    const { status } = await api.call('PATCH', '/merchants/me', { auth, body: {} });
    expect(status).toBe(200);
  });

  test.each([{ is_verified: true }, { is_active: true }, { business_email: 'x@y.zz' }, { qr_token: 'x' }])(
    '%p is not his to change',
    async (body) => {
      const { token: auth } = await registerMerchant(api);
      expect((await api.call('PATCH', '/merchants/me', { auth, body })).status).toBe(422);
    },
  );

  test('a suspended merchant still reads its profile and changes nothing', async () => {
    const { token: auth, merchantId } = await registerMerchant(api);
    await setMerchantActive(api.deps.pool, { merchantId, active: false });
    const { status, body } = await api.call('GET', '/merchants/me', { auth });
    expect(status).toBe(200);
    expect(body['is_active']).toBe(false);
    const answers = [
      await api.call('PATCH', '/merchants/me', { auth, body: { business_name: 'x' } }),
      await api.call('POST', '/merchants/me/keys', { auth, body: {} }),
      await api.call('DELETE', '/merchants/me/keys/pf_key_0000000000000000', { auth }),
    ];
    expect(answers.map((answer) => answer.status)).toEqual([403, 403, 403]);
    expect(answers[0]?.body['error']?.['reason']).toBe('merchant_inactive');
  });
});

import pg from 'pg';
import { registerMerchant, signUp, startApi, type TestApi } from '../../testing/api.ts';

let api: TestApi;

beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

const PATH = '/merchants/me/keys';
const KEY_ID = /^pf_key_[0-9a-f]{16}$/;
const SECRET = /^pf_sec_[0-9a-f]{36}$/;

async function countOf(merchantId: string): Promise<number> {
  const { rows } = await api.deps.pool.query('select 1 from api_keys where merchant_id = $1', [merchantId]);
  return rows.length;
}

describe('POST /merchants/me/keys', () => {
  test('the quick start of the guide works as it is written', async () => {
    const { token: auth } = await registerMerchant(api);
    const { status, body } = await api.call('POST', PATH, { auth, body: { label: 'Production Key' } });
    expect(status).toBe(201);
    expect(body).toEqual({
      id: expect.any(String),
      key_id: expect.stringMatching(KEY_ID),
      key_secret: expect.stringMatching(SECRET),
      label: 'Production Key',
      scopes: ['read', 'write', 'refund'],
      is_active: true,
      expires_at: null,
      last_used_at: null,
      created_at: expect.any(String),
    });
  });

  test.each([
    ['no body', undefined],
    ['an empty body', {}],
  ])('with %s the label is "Default Key"', async (_, body) => {
    const { token: auth } = await registerMerchant(api);
    const answer = await api.call('POST', PATH, { auth, ...(body === undefined ? {} : { body }) });
    expect(answer.status).toBe(201);
    expect(answer.body['label']).toBe('Default Key');
  });

  test('what is kept of the secret is a bcrypt hash of cost 10', async () => {
    const { key } = await registerMerchant(api);
    const { rows } = await api.deps.pool.query('select * from api_keys where key_id = $1', [key.keyId]);
    expect(JSON.stringify(rows)).not.toContain(key.secret);
    expect(rows).toEqual([expect.objectContaining({ secret_hash: expect.stringMatching(/^\$2b\$10\$/) })]);
  });

  test('scopes and an expiry can be asked for', async () => {
    const { token: auth } = await registerMerchant(api);
    const body = { scopes: ['read'], expires_at: '2099-01-01T05:30:00+05:30' };
    const answer = await api.call('POST', PATH, { auth, body });
    expect(answer.body).toMatchObject({ scopes: ['read'], expires_at: '2099-01-01T00:00:00.000Z' });
  });

  test.each([
    { scopes: [] },
    { scopes: ['admin'] },
    { expires_at: '2001-01-01T00:00:00Z' },
    { expires_at: 'tomorrow' },
    { label: '' },
    { label: 'x'.repeat(101) },
    { label: null },
    { key_id: 'pf_key_0000000000000000' },
    { merchant_id: 'someone' },
  ])('%p is refused', async (body) => {
    const { token: auth, merchantId } = await registerMerchant(api);
    expect((await api.call('POST', PATH, { auth, body })).status).toBe(422);
    expect(await countOf(merchantId)).toBe(1);
  });

  test('needs a profile and a token', async () => {
    const { token: auth } = await signUp(api);
    expect((await api.call('POST', PATH, { auth, body: {} })).status).toBe(404);
    expect((await api.call('POST', PATH, { body: {} })).status).toBe(401);
  });
});

describe('POST /merchants/me/keys with an Idempotency-Key', () => {
  const create = (auth: string, key: string, body: object = {}, header = 'idempotency-key') =>
    api.call('POST', PATH, { auth, body, headers: { [header]: key } });

  test('a repeat gets the same answer, but for the secret', async () => {
    const { token: auth, merchantId } = await registerMerchant(api);
    const first = await create(auth, 'k-1', { label: 'A' });
    const second = await create(auth, 'k-1', { label: 'A' });
    expect(first.body['key_secret']).toMatch(SECRET);
    expect(first.headers['idempotent-replayed']).toBeUndefined();
    expect(second.status).toBe(201);
    expect(second.body).toEqual(Object.assign({}, first.body, { key_secret: null }));
    expect(second.headers['idempotent-replayed']).toBe('true');
    expect(await countOf(merchantId)).toBe(2);
  });

  test('the secret is nowhere in what is kept for the repeat', async () => {
    const { token: auth } = await registerMerchant(api);
    const { body } = await create(auth, 'k-kept');
    const { rows } = await api.deps.pool.query('select * from idempotency_keys');
    expect(JSON.stringify(rows)).not.toContain(body['key_secret']);
  });

  test('another body under the same key is refused', async () => {
    const { token: auth, merchantId } = await registerMerchant(api);
    await create(auth, 'k-2', { label: 'A' });
    const { status, body } = await create(auth, 'k-2', { label: 'B' });
    expect(status).toBe(422);
    expect(body['error']?.['reason']).toBe('idempotency_key_reused');
    expect(await countOf(merchantId)).toBe(2);
  });

  test('the order of the properties does not make another body', async () => {
    const { token: auth } = await registerMerchant(api);
    await create(auth, 'k-3', { label: 'A', scopes: ['read'] });
    expect((await create(auth, 'k-3', { scopes: ['read'], label: 'A' })).status).toBe(201);
  });

  test('ten twins at once make one key, and one of them learns the secret', async () => {
    const { token: auth, merchantId } = await registerMerchant(api);
    const answers = await Promise.all(Array.from({ length: 10 }, () => create(auth, 'twins')));
    expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(201));
    expect(new Set(answers.map(({ body }) => body['key_id'])).size).toBe(1);
    expect(answers.filter(({ body }) => body['key_secret'] !== null)).toHaveLength(1);
    expect(answers.filter(({ headers }) => headers['idempotent-replayed'] === 'true')).toHaveLength(9);
    expect(await countOf(merchantId)).toBe(2);
  });

  test('two merchants may choose the same key', async () => {
    const [one, other] = [await registerMerchant(api), await registerMerchant(api)];
    const first = await create(one.token, 'same');
    const second = await create(other.token, 'same');
    expect(second.body['key_id']).not.toBe(first.body['key_id']);
    expect(second.body['key_secret']).toMatch(SECRET);
  });

  test('X-Refund-Idempotency is the same header', async () => {
    const { token: auth } = await registerMerchant(api);
    const first = await create(auth, 'alias', {}, 'x-refund-idempotency');
    expect((await create(auth, 'alias')).body['key_id']).toBe(first.body['key_id']);
  });

  test.each(['', 'two words', 'x'.repeat(256), 'caf\u00e9'])('the key %p is refused', async (key) => {
    const { token: auth, merchantId } = await registerMerchant(api);
    const { status, body } = await create(auth, key);
    expect(status).toBe(400);
    expect(body['error']?.['reason']).toBe('invalid_idempotency_key');
    expect(await countOf(merchantId)).toBe(1);
  });

  test('a key whose request does not come to an end is in use: 409 and when to ask again', async () => {
    const { token: auth, merchantId } = await registerMerchant(api);
    const rival = new pg.Client({ connectionString: api.database.url });
    await rival.connect();
    try {
      await rival.query('begin');
      await rival.query('insert into idempotency_keys (scope, key, request_hash) values ($1, $2, $3)', [
        `${merchantId} POST ${PATH}`,
        'stuck',
        'x',
      ]);
      const { status, headers, body } = await create(auth, 'stuck');
      expect(status).toBe(409);
      expect(body['error']?.['reason']).toBe('idempotency_key_in_use');
      expect(headers['retry-after']).toBe('1');
      await rival.query('rollback');
      expect((await create(auth, 'stuck')).status).toBe(201);
    } finally {
      await rival.end();
    }
  });

  test('what failed in the middle leaves neither a key nor an idempotency key', async () => {
    const { token: auth, merchantId } = await registerMerchant(api);
    await api.deps.pool.query(`alter table api_keys add constraint no_c check (label <> 'C')`);
    await expect(create(auth, 'failed', { label: 'C' })).rejects.toThrow('undeclared status');
    await api.deps.pool.query('alter table api_keys drop constraint no_c');
    const again = await create(auth, 'failed', { label: 'C' });
    expect(again.body['key_secret']).toMatch(SECRET);
    expect(await countOf(merchantId)).toBe(2);
  });
});

describe('GET and DELETE /merchants/me/keys', () => {
  test('lists the newest first, and never a secret', async () => {
    const { token: auth, key } = await registerMerchant(api);
    const { body: second } = await api.call('POST', PATH, { auth, body: { label: 'B' } });
    const { status, body } = await api.call('GET', PATH, { auth });
    expect(status).toBe(200);
    expect(body.map((each) => each['key_id'])).toEqual([second['key_id'], key.keyId]);
    expect(JSON.stringify(body)).not.toContain('secret');
  });

  test('revoking is 204, again is 204, and the list says so', async () => {
    const { token: auth, key } = await registerMerchant(api);
    for (let time = 0; time < 2; time++) {
      const { status, body } = await api.call('DELETE', `${PATH}/${key.keyId}`, { auth });
      expect([status, body]).toEqual([204, '']);
    }
    const { body } = await api.call('GET', PATH, { auth });
    expect(body[0]).toMatchObject({ key_id: key.keyId, is_active: false });
  });

  test('a foreign key, an unknown key and an impossible one are the same 404', async () => {
    const [one, other] = [await registerMerchant(api), await registerMerchant(api)];
    const answers = [];
    for (const keyId of [
      other.key.keyId,
      'pf_key_0000000000000000',
      'x',
      '%00',
      '%E0%A4%A',
      '..%2f..',
      "'",
    ]) {
      const { status, body } = await api.call('DELETE', `${PATH}/${keyId}`, { auth: one.token });
      answers.push({
        status,
        detail: body['detail'],
        error: Object.assign({}, body['error'], { request_id: '' }),
      });
    }
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(answers[0]).toMatchObject({ status: 404, detail: 'API key not found' });
    const { body } = await api.call('GET', PATH, { auth: other.token });
    expect(body[0]).toMatchObject({ is_active: true });
  });
});

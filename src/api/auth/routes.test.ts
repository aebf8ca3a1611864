import { createHmac } from 'node:crypto';
import { decodeJwt, decodeProtectedHeader, SignJWT } from 'jose';
import { signUp, startApi, type Answered, type TestApi } from '../../testing/api.ts';

let api: TestApi;
let now = 0;

beforeAll(async () => {
  api = await startApi({ clock: () => Date.now() + now });
});
afterEach(() => {
  now = 0;
});
afterAll(() => api.close());

const jane = { name: 'Jane Doe', password: 'secret', role: 'merchant' };

async function rows(email: string): Promise<number> {
  const { rows: found } = await api.deps.pool.query('select 1 from users where email = $1', [email]);
  return found.length;
}

describe('POST /auth/register', () => {
  test('the quick start of the guide works as it is written', async () => {
    const body = { ...jane, email: 'jane@mystore.com' };
    const { status, body: account } = await api.call('POST', '/auth/register', { body });
    expect(status).toBe(200);
    expect(account).toEqual({
      id: expect.any(String),
      name: 'Jane Doe',
      email: 'jane@mystore.com',
      role: 'merchant',
    });
  });

  test('the role is user where none is given', async () => {
    const { body } = await api.call('POST', '/auth/register', {
      body: { name: 'A', email: 'roleless@shop.test', password: 'secret' },
    });
    expect(body['role']).toBe('user');
  });

  test('hole 16: the same mailbox is the same account in every role, however it is written', async () => {
    await api.call('POST', '/auth/register', { body: { ...jane, email: 'twice@shop.test' } });
    const { status, body } = await api.call('POST', '/auth/register', {
      body: { ...jane, email: '  TWICE@Shop.Test ', role: 'user' },
    });
    expect(status).toBe(400);
    expect(body['detail']).toBe('Email already registered');
    expect(body['error']).toMatchObject({ reason: 'email_taken', field: 'email', code: 'BAD_REQUEST_ERROR' });
    expect(await rows('twice@shop.test')).toBe(1);
  });

  test('twenty registrations of one address at once make one account', async () => {
    const body = { ...jane, email: 'twins@shop.test' };
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => api.call('POST', '/auth/register', { body })),
    );
    expect(answers.map(({ status }) => status).toSorted((one, other) => one - other)).toEqual([
      200,
      ...Array<number>(19).fill(400),
    ]);
    expect(await rows('twins@shop.test')).toBe(1);
  });

  test('hole 1: nobody makes himself an admin', async () => {
    const { status, body } = await api.call('POST', '/auth/register', {
      body: { ...jane, email: 'root@shop.test', role: 'admin' },
    });
    expect(status).toBe(403);
    expect(body['error']?.['reason']).toBe('role_not_allowed');
    expect(await rows('root@shop.test')).toBe(0);
  });

  test('a property that is not in the schema is refused, and nothing is written', async () => {
    const { status, body } = await api.call('POST', '/auth/register', {
      body: { ...jane, email: 'mass@shop.test', token_version: 99, is_admin: true },
    });
    expect(status).toBe(422);
    expect(body['detail']).toEqual([
      { loc: ['body', 'token_version'], msg: 'Extra inputs are not permitted', type: 'extra_forbidden' },
      { loc: ['body', 'is_admin'], msg: 'Extra inputs are not permitted', type: 'extra_forbidden' },
    ]);
    expect(await rows('mass@shop.test')).toBe(0);
  });

  test.each([
    ['five bytes', 'abcde', 422],
    ['six bytes', 'abcdef', 200],
    ['seventy-two bytes', 'x'.repeat(72), 200],
    ['seventy-three bytes', 'x'.repeat(73), 422],
    ['twenty-five characters of three bytes', '₹'.repeat(25), 422],
  ])('a password of %s', async (name, password, status) => {
    const email = `${name.replaceAll(' ', '-')}@shop.test`;
    const answer = await api.call('POST', '/auth/register', { body: { ...jane, email, password } });
    expect(answer.status).toBe(status);
  });

  test('what is missing is named', async () => {
    const { status, body } = await api.call('POST', '/auth/register', { body: {} });
    expect(status).toBe(422);
    expect(body['detail']).toContainEqual({ loc: ['body', 'email'], msg: 'Field required', type: 'missing' });
  });

  test('a refused password is not repeated in the answer', async () => {
    const password = 'hunter2-'.repeat(20);
    const { body } = await api.call('POST', '/auth/register', { body: { ...jane, email: 'x', password } });
    expect(JSON.stringify(body)).not.toContain('hunter2');
  });
});

describe('in production', () => {
  test('passwords have eight bytes at least and are none of the commonest', async () => {
    const production = await startApi({
      database: api.database,
      config: { ...api.deps.config, development: false },
    });
    const statusOf = async (email: string, password: string) =>
      (await production.call('POST', '/auth/register', { body: { ...jane, email, password } })).status;
    try {
      expect(await statusOf('p1@shop.test', 'secret7')).toBe(422);
      expect(await statusOf('p2@shop.test', 'Password1')).toBe(422);
      expect(await statusOf('p3@shop.test', 'correct horse')).toBe(200);
    } finally {
      await production.close();
    }
  });
});

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
type Login = (username: string, password: string) => Promise<Answered>;

const byForm: Login = (username, password) =>
  api.call('POST', '/auth/login', {
    headers: FORM,
    body: new URLSearchParams({ username, password }).toString(),
  });
const byJson: Login = (email, password) =>
  api.call('POST', '/auth/login-json', { body: { email, password } });

describe.each([
  ['/auth/login', byForm],
  ['/auth/login-json', byJson],
])('POST %s', (_, login) => {
  test('the token says who, in which role, for whom and until when', async () => {
    const { email, password } = await signUp(api);
    const { status, body } = await login(email, password);
    expect(status).toBe(200);
    expect(body).toEqual({ access_token: expect.any(String), token_type: 'bearer' });
    const token = String(body['access_token']);
    const { role, sub, aud, iat, exp } = decodeJwt(token);
    expect({ role, sub, aud }).toEqual({ role: 'merchant', sub: email, aud: 'payflow' });
    expect((exp ?? 0) - (iat ?? 0)).toBe(30 * 60);
    expect(decodeProtectedHeader(token)).toEqual({ alg: 'HS256', typ: 'JWT', kid: expect.any(String) });
  });

  test('hole 18: a wrong password, a too long one and an unknown address get the same answer', async () => {
    const { email } = await signUp(api);
    const answers = [];
    for (const [name, password] of [
      [email, 'wrong'],
      [email, ''],
      [email, 'secret'.padEnd(100, 'x')],
      ['nobody@shop.test', 'secret'],
    ] as const) {
      const { status, body } = await login(name, password);
      answers.push({ status, detail: body['detail'], reason: body['error']?.['reason'] });
    }
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(answers[0]).toEqual({ status: 401, detail: 'Invalid credentials', reason: 'invalid_credentials' });
  });

  test('hole 18: an unknown address takes as long as a wrong password', async () => {
    const { email } = await signUp(api);
    const msOf = async (name: string) => {
      const times = [];
      for (let round = 0; round < 5; round++) {
        const startedAt = performance.now();
        expect((await login(name, 'wrong')).status).toBe(401);
        times.push(performance.now() - startedAt);
      }
      return Math.min(...times);
    };
    const [known, unknown] = [await msOf(email), await msOf(`not-${email}`)];
    // Without the compare with nobody's hash it is 70 ms against 3.
    expect(unknown / known).toBeGreaterThan(0.5);
  });

  test('the address may be written as at the registration, in any case', async () => {
    const { email, password } = await signUp(api);
    expect((await login(` ${email.toUpperCase()} `, password)).status).toBe(200);
  });
});

describe('what a login does not take', () => {
  test.each([
    ['an operator for an address', { email: { $gt: '' }, password: 'secret' }, 'email'],
    ['an operator for a password', { email: 'a@b.zz', password: { $ne: null } }, 'password'],
    ['a list', { email: ['a@b.zz'], password: 'secret' }, 'email'],
    ['no password', { email: 'a@b.zz' }, 'password'],
    ['a number', { email: 'a@b.zz', password: 123456 }, 'password'],
  ])('hole 15: %s → 422 that names the field', async (_, body, field) => {
    const answer = await api.call('POST', '/auth/login-json', { body });
    expect(answer.status).toBe(422);
    expect(answer.body['error']?.['field']).toBe(field);
  });

  test.each([
    ['username[$gt]=&password=secret', 'username'],
    ['password=secret', 'username'],
    ['username=a%40b.zz', 'password'],
    ['email=a%40b.zz&password=secret', 'username'],
  ])('hole 15: the form %s → 422 that names the field', async (body, field) => {
    const answer = await api.call('POST', '/auth/login', { headers: FORM, body });
    expect(answer.status).toBe(422);
    expect(answer.body['detail']?.map((fault) => fault['loc']?.[1])).toContain(field);
  });

  test('JSON is not a form', async () => {
    const answer = await api.call('POST', '/auth/login', { body: { username: 'a@b.zz', password: 'x' } });
    expect(answer.status).toBe(415);
  });

  test('what OAuth clients send along is no hindrance', async () => {
    const { email, password } = await signUp(api);
    const fields = { grant_type: 'password', username: email, password, scope: '', client_id: '' };
    const body = new URLSearchParams(fields).toString();
    expect((await api.call('POST', '/auth/login', { headers: FORM, body })).status).toBe(200);
  });
});

describe('a token', () => {
  const statusWith = async (auth: string) => (await api.call('GET', '/merchants/me', { auth })).status;
  const NO_PROFILE = 404;

  test('opens the door of the one it was made for', async () => {
    const { token } = await signUp(api);
    expect(await statusWith(token)).toBe(NO_PROFILE);
  });

  test('without a signature is refused, whatever its header says', async () => {
    const { token } = await signUp(api);
    const [, payload = '', signature = ''] = token.split('.');
    for (const alg of ['none', 'None', 'NONE']) {
      const header = encode({ alg, typ: 'JWT', kid: decodeProtectedHeader(token).kid });
      expect(await statusWith(`${header}.${payload}.`)).toBe(401);
      expect(await statusWith(`${header}.${payload}.${signature}`)).toBe(401);
    }
  });

  test.each(['HS384', 'HS512'])('signed with our key but %s is refused', async (alg) => {
    const { token } = await signUp(api);
    const forged = await resign(token, { alg, key: api.deps.config.secretKey });
    expect(await statusWith(forged)).toBe(401);
  });

  test('signed with another key is refused', async () => {
    const { token } = await signUp(api);
    expect(await statusWith(await resign(token, { key: 'another-secret-0123456789-0123456789-0123' }))).toBe(
      401,
    );
  });

  test('for another audience, with another key id, or without a version is refused', async () => {
    const { token } = await signUp(api);
    const key = api.deps.config.secretKey;
    expect(await statusWith(await resign(token, { key }))).toBe(NO_PROFILE);
    expect(await statusWith(await resign(token, { key, claims: { aud: 'shop' } }))).toBe(401);
    expect(await statusWith(await resign(token, { key, header: { kid: 'other' } }))).toBe(401);
    expect(await statusWith(await resign(token, { key, claims: { token_version: undefined } }))).toBe(401);
    expect(await statusWith(await resign(token, { key, claims: { exp: undefined } }))).toBe(401);
  });

  test('ends after thirty minutes', async () => {
    const { token } = await signUp(api);
    now = 29 * 60_000;
    expect(await statusWith(token)).toBe(NO_PROFILE);
    now = 31 * 60_000;
    expect(await statusWith(token)).toBe(401);
  });

  test('ends at once when the version on the row is raised', async () => {
    const { token, email } = await signUp(api);
    await api.deps.pool.query('update users set token_version = token_version + 1 where email = $1', [email]);
    const { status, headers, body } = await api.call('GET', '/merchants/me', { auth: token });
    expect(status).toBe(401);
    expect(headers['www-authenticate']).toBe('Bearer realm="PayFlow"');
    expect(body['detail']).toBe('Not authenticated');
  });

  test('is not what the role claim says but what the row says', async () => {
    const { token } = await signUp(api, 'user');
    const forged = await resign(token, { key: api.deps.config.secretKey, claims: { role: 'admin' } });
    expect(await statusWith(forged)).toBe(403);
  });

  test.each([
    ['nothing', ''],
    ['a scheme alone', 'Bearer'],
    ['one word', 'Bearer x'],
    ['three letters', 'Bearer a.b.c'],
    ['another scheme', 'Basic abc'],
    ['five thousand letters', `Bearer ${'a'.repeat(5000)}`],
  ])('that is %s is none', async (_, authorization) => {
    const { status } = await api.call('GET', '/merchants/me', { headers: { authorization } });
    expect(status).toBe(401);
  });
});

interface Forgery {
  readonly key: string;
  readonly alg?: string;
  readonly claims?: Record<string, unknown>;
  readonly header?: Record<string, unknown>;
}

/** The same token with something about it changed, signed anew. */
async function resign(token: string, { key, alg = 'HS256', claims, header }: Forgery): Promise<string> {
  const payload = JSON.parse(JSON.stringify({ ...decodeJwt(token), ...claims })) as Record<string, unknown>;
  return new SignJWT(payload)
    .setProtectedHeader({ ...decodeProtectedHeader(token), ...header, alg })
    .sign(new TextEncoder().encode(key));
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

test('our tokens can be checked with nothing but SECRET_KEY and an HMAC', async () => {
  const { token } = await signUp(api);
  const [header = '', payload = '', signature = ''] = token.split('.');
  const expected = createHmac('sha256', api.deps.config.secretKey)
    .update(`${header}.${payload}`)
    .digest('base64url');
  expect(signature).toBe(expected);
});

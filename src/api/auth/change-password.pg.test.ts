import { signUp, startApi, type TestApi } from '../../testing/api.ts';

let api: TestApi;

beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

const jane = { name: 'Jane Doe', password: 'secret', role: 'merchant' };

const byJson = (email: string, password: string) =>
  api.call('POST', '/auth/login-json', { body: { email, password } });

describe('POST /auth/change-password', () => {
  const change = (auth: string, current: unknown, wanted: unknown) =>
    api.call('POST', '/auth/change-password', {
      auth,
      body: { current_password: current, new_password: wanted },
    });

  test.each(['user', 'merchant'] as const)(
    'role %s: the new password opens, the old one no more',
    async (role) => {
      const { email, password, token } = await signUp(api, role);
      const { status, body } = await change(token, password, 'correct horse');
      expect(status).toBe(200);
      expect(body).toEqual({ message: expect.any(String) });
      expect((await byJson(email, password)).status).toBe(401);
      expect((await byJson(email, 'correct horse')).status).toBe(200);
    },
  );

  test("hole 19: every token that was made before is dead at once, and nobody else's", async () => {
    const [jane, other] = [await signUp(api), await signUp(api)];
    const second = String((await byJson(jane.email, jane.password)).body['access_token']);
    await change(jane.token, jane.password, 'correct horse');
    const statusWith = async (auth: string) => (await api.call('GET', '/merchants/me', { auth })).status;
    expect(await statusWith(jane.token)).toBe(401);
    expect(await statusWith(second)).toBe(401);
    expect(await statusWith(other.token)).toBe(404);
    const third = String((await byJson(jane.email, 'correct horse')).body['access_token']);
    expect(await statusWith(third)).toBe(404);
  });

  test('a wrong current password changes nothing', async () => {
    const { email, password, token } = await signUp(api);
    const { status, body } = await change(token, 'wrong', 'correct horse');
    expect(status).toBe(401);
    expect(body['detail']).toBe('Current password is incorrect');
    expect(body['error']).toMatchObject({ reason: 'wrong_password', field: 'current_password' });
    expect((await byJson(email, password)).status).toBe(200);
    expect((await api.call('GET', '/merchants/me', { auth: token })).status).toBe(404);
  });

  test.each([
    [{}, 'current_password'],
    [{ current_password: 'secret' }, 'new_password'],
    [{ new_password: 'correct horse' }, 'current_password'],
    [{ current_password: '', new_password: 'correct horse' }, 'current_password'],
    [{ current_password: 'secret', new_password: '' }, 'new_password'],
    [{ current_password: 'secret', new_password: null }, 'new_password'],
  ])('%p → 400 in the words of the first version', async (body, field) => {
    const { token: auth } = await signUp(api);
    const answer = await api.call('POST', '/auth/change-password', { auth, body });
    expect(answer.status).toBe(400);
    expect(answer.body['detail']).toBe('Both current_password and new_password are required');
    expect(answer.body['error']?.['field']).toBe(field);
  });

  test.each([
    ['five bytes', 'abcde', 422],
    ['six bytes', 'abcdef', 200],
    ['seventy-two bytes', 'x'.repeat(72), 200],
    ['seventy-three bytes', 'x'.repeat(73), 422],
    ['a number', 123456, 422],
  ])('hole 20: a new password of %s', async (_, wanted, status) => {
    const { email, password, token } = await signUp(api);
    const answer = await change(token, password, wanted);
    expect(answer.status).toBe(status);
    if (status !== 422) return;
    expect(answer.body['error']?.['field']).toBe('new_password');
    expect(JSON.stringify(answer.body)).not.toContain(String(wanted));
    expect((await byJson(email, password)).status).toBe(200);
  });

  test('of five changes at once by one token one is made', async () => {
    const { email, password, token } = await signUp(api);
    const wanted = Array.from({ length: 5 }, (_, index) => `password-${index}`);
    const answers = await Promise.all(wanted.map((each) => change(token, password, each)));
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 401, 401, 401, 401]);
    const winner = wanted[answers.findIndex(({ status }) => status === 200)] ?? '';
    expect((await byJson(email, winner)).status).toBe(200);
  });

  test('needs a token, and takes nothing else', async () => {
    const { token: auth, password } = await signUp(api);
    const body = { current_password: password, new_password: 'correct horse' };
    expect((await api.call('POST', '/auth/change-password', { body })).status).toBe(401);
    const extra = await api.call('POST', '/auth/change-password', { auth, body: { ...body, role: 'admin' } });
    expect(extra.status).toBe(422);
    expect(extra.body['error']?.['field']).toBe('role');
  });

  test('hole 57: no hash is in any answer about an account', async () => {
    const email = 'hash@shop.test';
    const register = await api.call('POST', '/auth/register', { body: { ...jane, email } });
    const login = await byJson(email, jane.password);
    const changed = await change(String(login.body['access_token']), jane.password, 'correct horse');
    for (const { body } of [register, login, changed]) expect(JSON.stringify(body)).not.toContain('$2b$');
  });
});

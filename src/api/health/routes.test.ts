import { startApi, type TestApi } from '../../testing/api.ts';

let api: TestApi;
const checks = { postgres: async () => true, worker: async () => true };

beforeAll(async () => {
  api = await startApi({
    readiness: { postgres: () => checks.postgres(), worker: () => checks.worker() },
  });
});
afterEach(() => {
  Object.assign(checks, { postgres: async () => true, worker: async () => true });
});
afterAll(() => api.close());

test('GET /health is what it was in the first version', async () => {
  const { status, body } = await api.call('GET', '/health');
  expect(status).toBe(200);
  expect(body).toEqual({ status: 'ok', version: '3.0.0', service: 'PayFlow Gateway', db: 'up' });
});

test('GET /health answers soon while the database only hangs', async () => {
  const { pool } = api.deps;
  const clients = await Promise.all(Array.from({ length: 9 }, () => pool.connect()));
  const startedAt = performance.now();
  const { status, body } = await api.call('GET', '/health');
  expect({ status, db: body['db'] }).toEqual({ status: 200, db: 'down' });
  expect(performance.now() - startedAt).toBeLessThan(1_500);
  for (const client of clients) client.release();
});

test('GET /ready is 200 when every check is good', async () => {
  const { status, body } = await api.call('GET', '/ready');
  expect(status).toBe(200);
  expect(body).toEqual({ status: 'ready', checks: { postgres: 'ok', worker: 'ok' } });
});

test.each([
  ['says no', async () => false],
  ['fails', () => Promise.reject(new Error('password of the database is x'))],
  [
    'throws',
    () => {
      throw new Error('x');
    },
  ],
  ['hangs', () => new Promise<boolean>(() => {})],
])('GET /ready is 503 when one check %s', async (_, check) => {
  checks.worker = check;
  const { status, body } = await api.call('GET', '/ready');
  expect(status).toBe(503);
  expect(body).toEqual({ status: 'not_ready', checks: { postgres: 'ok', worker: 'failed' } });
});

test('GET / says where to go', async () => {
  const { body } = await api.call('GET', '/');
  expect(body).toMatchObject({ docs: 'http://api.test/docs', openapi: 'http://api.test/openapi.json' });
});

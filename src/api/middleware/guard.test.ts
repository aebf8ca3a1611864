import { z } from 'zod';
import { ERRORS, PayflowError } from '../../domain/errors.ts';
import { serveProbeRoutes, type ProbeServer } from '../../testing/probe-routes.ts';
import { route } from './guard.ts';
import { empty, json } from './responses.ts';

const common = { summary: 'x', tags: ['Test'], auth: 'none' } as const;
const done = json('Done', z.strictObject({ ok: z.boolean() }));
const ROUTES = [
  route({
    ...common,
    method: 'post',
    path: '/notes',
    body: z.strictObject({ note: z.string() }),
    responses: { 200: done },
    handler: async () => ({ status: 200, body: { ok: true } }),
  }),
  route({
    ...common,
    method: 'get',
    path: '/orders/{order_ref}',
    params: z.object({ order_ref: z.string().regex(/^o_\d+$/) }),
    paramsReason: 'order_not_found',
    query: z.strictObject({ limit: z.string().regex(/^\d+$/).optional() }),
    responses: { 200: done },
    handler: async () => ({ status: 200, body: { ok: true } }),
  }),
  route({
    ...common,
    method: 'delete',
    path: '/orders/{order_ref}',
    responses: { 204: empty('Gone') },
    handler: async () => ({ status: 204, body: null }),
  }),
  ...['bug', 'away', 'refusal', 'wait'].map((path) =>
    route({
      ...common,
      method: 'get',
      path: `/${path}`,
      responses: { 200: done },
      handler: async ({ ctx }) => {
        ctx.set('X-Was-Here', 'yes');
        ctx.set('Access-Control-Allow-Origin', 'https://shop.test');
        throw FAILURES[path]?.();
      },
    }),
  ),
];
const FAILURES: Record<string, () => Error> = {
  bug: () =>
    Object.assign(new TypeError('secret internals of table users'), { detail: 'Key (email)=(jane@x.test)' }),
  away: () => Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }),
  refusal: () => new PayflowError('order_already_paid'),
  wait: () => new PayflowError('bank_unavailable', { retryAfterSeconds: 7.2 }),
};

let server: ProbeServer;
const send: ProbeServer['send'] = (...args) => server.send(...args);

beforeAll(async () => {
  server = await serveProbeRoutes(ROUTES);
});
beforeEach(() => {
  server.logLines.length = 0;
});
afterAll(() => server.close());

describe('path and query', () => {
  test('a path parameter of an impossible shape names nothing', async () => {
    for (const ref of ['x', 'o_', '%00', '%E0%A4%A', 'o_1%2F', "o_1'--"]) {
      const { status, reason } = await send('GET', `/orders/${ref}`);
      expect({ ref, status, reason }).toEqual({ ref, status: 404, reason: 'order_not_found' });
    }
  });

  test.each([
    ['limit=abc', 422, 'invalid_request'],
    ['limit=1&limit=2', 422, 'invalid_request'],
    ['limit=1.0', 422, 'invalid_request'],
    ['other=1', 422, 'invalid_request'],
    ['limit=%00', 400, 'nul_character'],
    ['__proto__=1', 422, 'invalid_request'],
  ])('the query %s is refused', async (query, status, reason) => {
    const answer = await send('GET', `/orders/o_1?${query}`);
    expect({ status: answer.status, reason: answer.reason }).toEqual({ status, reason });
  });

  test('HEAD is GET without the body, and a slash at the end is none', async () => {
    const { status, text } = await send('HEAD', '/orders/o_1');
    expect({ status, text }).toEqual({ status: 200, text: '' });
    expect((await send('GET', '/orders/o_1/')).status).toBe(200);
  });

  test('what is not there is 404, another method 405 with those that are', async () => {
    expect((await send('GET', '/nowhere')).reason).toBe('not_found');
    const { status, headers, reason } = await send('PATCH', '/orders/o_1');
    expect({ status, allow: headers['allow'], reason }).toEqual({
      status: 405,
      allow: 'GET, HEAD, DELETE',
      reason: 'method_not_allowed',
    });
    expect((await send('OPTIONS', '/orders/o_1')).status).toBe(204);
  });
});

describe('an error', () => {
  const HEADERS = [
    'content-security-policy',
    'x-content-type-options',
    'strict-transport-security',
    'x-request-id',
  ];

  test.each(['/bug', '/away', '/refusal', '/wait', '/nowhere'])('at %s keeps the headers', async (path) => {
    const { headers } = await send('GET', path);
    for (const name of HEADERS) expect(headers[name]).toBeDefined();
    expect(headers['cache-control']).toBe('no-store');
    if (path !== '/nowhere') {
      expect(headers['x-was-here']).toBe('yes');
      expect(headers['access-control-allow-origin']).toBe('https://shop.test');
    }
  });

  test('of ours has the shape of the contract', async () => {
    const { status, body, headers } = await send('GET', '/refusal');
    expect(status).toBe(400);
    expect(body).toEqual({
      detail: 'Order already paid',
      error: {
        code: 'BAD_REQUEST_ERROR',
        description: 'Order already paid',
        field: null,
        source: 'customer',
        step: 'payment_initiation',
        reason: 'order_already_paid',
        doc_url: 'http://api.test/docs/errors#order_already_paid',
        request_id: headers['x-request-id'],
      },
    });
  });

  test('that nobody foresaw is a 500 that says nothing, and a log line that says where', async () => {
    const { status, body, text } = await send('GET', '/bug');
    expect(status).toBe(500);
    expect(body.detail).toBe(ERRORS.internal_error.text);
    expect(text).not.toContain('users');
    const line = server.logLines.find((each) => each.includes('a request failed')) ?? '';
    expect(line).toContain('guard.test.ts');
    expect(line).toContain(body.error.request_id);
    expect(line).not.toContain('jane@x.test');
  });

  test('of a database that is away is a 503 with the time to come back', async () => {
    const { status, headers, reason } = await send('GET', '/away');
    expect({ status, retryAfter: headers['retry-after'], reason }).toEqual({
      status: 503,
      retryAfter: '2',
      reason: 'unavailable',
    });
    expect((await send('GET', '/wait')).headers['retry-after']).toBe('8');
  });
});

describe('the request id', () => {
  const idOf = async (id: string) =>
    (await send('GET', '/refusal', { headers: { 'x-request-id': id } })).headers['x-request-id'];

  test('of the caller is kept if it is harmless', async () => {
    expect(await idOf('shop-17:a.B_c')).toBe('shop-17:a.B_c');
    expect(server.logLines.join('')).toContain('shop-17:a.B_c');
  });

  test.each(['two words', '<script>', 'x'.repeat(65), '"', 'é'])('%p is replaced by our own', async (id) => {
    expect(await idOf(id)).toMatch(/^req_[0-9a-f]{20}$/);
  });

  test('is another one for every request', async () => {
    const ids = await Promise.all(Array.from({ length: 20 }, () => send('GET', '/refusal')));
    expect(new Set(ids.map(({ headers }) => headers['x-request-id'])).size).toBe(20);
  });
});

test('the request log knows the route, the status and the time, and no header, query or body', async () => {
  await send('POST', '/notes?token=tok-1', {
    body: '{"note":"note-1"}',
    headers: { authorization: 'Basic cGY6c2VjcmV0', cookie: 'session-1', 'x-request-id': 'r1' },
  });
  expect(server.logLines).toHaveLength(1);
  const line = JSON.parse(server.logLines[0] ?? '') as Record<string, unknown>;
  expect(line).toMatchObject({
    request_id: 'r1',
    method: 'POST',
    path: '/notes',
    route: '/notes',
    status: 200,
    duration_ms: expect.any(Number),
  });
  for (const secret of ['tok-1', 'note-1', 'cGY6c2VjcmV0', 'session-1'])
    expect(server.logLines[0]).not.toContain(secret);
});

test('a route that keeps replies for nobody in particular cannot be declared', () => {
  expect(() =>
    route({
      ...common,
      method: 'post',
      path: '/x',
      idempotency: 'stored',
      responses: { 204: empty('x') },
      handler: async () => ({ status: 204, body: null }),
    }),
  ).toThrow('needs a merchant');
});

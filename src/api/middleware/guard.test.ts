import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import pino from 'pino';
import { request } from 'undici';
import { z } from 'zod';
import { ERRORS, PayflowError } from '../../domain/errors.ts';
import { assemble, routerOf } from '../app.ts';
import { route, type Gate } from './guard.ts';
import { createRequestHash } from './idempotency.ts';
import { empty, json } from './responses.ts';

const order = z.strictObject({
  amount: z.int().min(1).max(99_999_999_999),
  notes: z.union([z.string(), z.record(z.string(), z.string())]).optional(),
  list: z.array(z.unknown()).optional(),
});

const seen: unknown[] = [];
const common = { summary: 'x', tags: ['Test'], auth: 'none' } as const;
const done = json('Done', z.strictObject({ ok: z.boolean() }));
const ROUTES = [
  route({
    ...common,
    method: 'post',
    path: '/orders',
    body: order,
    responses: { 200: done },
    handler: async ({ body }) => {
      seen.push(body);
      return { status: 200, body: { ok: true } };
    },
  }),
  route({
    ...common,
    method: 'post',
    path: '/rupees',
    body: z.strictObject({ amount: z.number() }),
    decimals: true,
    responses: { 200: done },
    handler: async ({ body }) => {
      seen.push(body);
      return { status: 200, body: { ok: true } };
    },
  }),
  route({
    ...common,
    method: 'post',
    path: '/login',
    body: z.strictObject({ username: z.string(), password: z.string() }),
    bodyTypes: ['form'],
    responses: { 200: done },
    handler: async ({ body }) => {
      seen.push(body);
      return { status: 200, body: { ok: true } };
    },
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
  bug: () => Object.assign(new TypeError('secret internals of table users'), { detail: 'Key (email)=(jane@x.test)' }),
  away: () => Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }),
  refusal: () => new PayflowError('order_already_paid'),
  wait: () => new PayflowError('bank_unavailable', { retryAfterSeconds: 7.2 }),
};

const logLines: string[] = [];
let server: Server;
let url = '';

beforeAll(async () => {
  const nobody = () => Promise.reject(new PayflowError('not_authenticated'));
  const gate: Gate = {
    authenticate: { none: async () => null, user: nobody, business: nobody, admin: nobody, merchant: nobody, key: nobody },
    requestHash: createRequestHash('secret'),
    storedReplies: { find: async () => null, once: () => Promise.reject(new Error('not here')) },
  };
  const log = pino({ level: 'info' }, { write: (line: string) => void logLines.push(line) });
  const config = { apiUrl: 'http://api.test', development: false };
  server = createServer(assemble([routerOf(ROUTES, gate)], { log, config }).callback());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
beforeEach(() => {
  seen.length = 0;
  logLines.length = 0;
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

interface ErrorAnswer {
  detail: string | { loc: (string | number)[]; msg: string; type: string }[];
  error: { reason: string; field: string | null; request_id: string; doc_url: string };
}

async function send(method: string, path: string, options: { body?: string | Buffer; headers?: Record<string, string> } = {}) {
  const response = await request(`${url}${path}`, {
    method: method as 'GET',
    headers: { 'content-type': 'application/json', ...options.headers },
    body: options.body ?? null,
  });
  const text = await response.body.text();
  const body = (text.startsWith('{') ? JSON.parse(text) : text) as ErrorAnswer;
  return { status: response.statusCode, headers: response.headers, body, reason: body.error?.reason, text };
}
const post = (body: string | Buffer, path = '/orders') => send('POST', path, { body });

describe('the body', () => {
  test.each([
    ['a brace alone', '{', 400, 'malformed_json'],
    ['a trailing comma', '{"amount":1,}', 400, 'malformed_json'],
    ['NaN', '{"amount":NaN}', 400, 'malformed_json'],
    ['two values', '{"amount":1}{"amount":2}', 400, 'malformed_json'],
    ['a byte order mark and nothing else', '\ufeff', 400, 'malformed_json'],
    ['no UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]), 400, 'malformed_json'],
    ['a surrogate in UTF-8', Buffer.from('7b226e6f746573223a22eda080227d', 'hex'), 400, 'malformed_json'],
    ['NUL in a value', '{"amount":1,"notes":"a\\u0000b"}', 400, 'nul_character'],
    ['NUL in a name', '{"amount":1,"notes":{"a\\u0000":"b"}}', 400, 'nul_character'],
    ['a high surrogate alone', '{"amount":1,"notes":"\\ud83d"}', 400, 'lone_surrogate'],
    ['a low surrogate in a name', '{"amount":1,"notes":{"\\ude00":"b"}}', 400, 'lone_surrogate'],
    ['nine levels', `{"amount":1,"list":${'['.repeat(8)}${']'.repeat(8)}}`, 400, 'too_deep'],
    ['thirty thousand levels', `${'['.repeat(30_000)}${']'.repeat(30_000)}`, 400, 'too_deep'],
    ['65,537 bytes', `{"amount":1,"notes":"${'x'.repeat(65_537 - 23)}"}`, 413, 'body_too_large'],
    ['a megabyte', 'x'.repeat(1_000_000), 413, 'body_too_large'],
    ['a list', '[]', 422, 'invalid_request'],
    ['a string', '"x"', 422, 'invalid_request'],
    ['null', 'null', 422, 'invalid_request'],
    ['nothing where something is needed', '', 422, 'invalid_request'],
  ])('of %s is refused by name', async (_, body, status, reason) => {
    const answer = await post(body);
    expect({ status: answer.status, reason: answer.reason }).toEqual({ status, reason });
    expect(seen).toEqual([]);
  });

  test('of exactly 65,536 bytes and eight levels passes', async () => {
    expect((await post(`{"amount":1,"notes":"${'x'.repeat(65_536 - 23)}"}`)).status).toBe(200);
    expect((await post(`{"amount":1,"list":${'['.repeat(7)}${']'.repeat(7)}}`)).status).toBe(200);
  });

  test('with an emoji, an escaped one and a ₹ arrives as it was sent', async () => {
    await post('{"amount":1,"notes":"😀 \\ud83d\\ude00 ₹"}');
    expect(seen).toEqual([{ amount: 1, notes: '😀 😀 ₹' }]);
  });

  test.each(['1.0', '1.5', '1e2', '1E2', '100e-2', '"1"', 'true', 'null', '[1]', '0.1e1', '100000000000', '-1', '0'])(
    'with the amount %s is refused at that field',
    async (amount) => {
      const { status, body } = await post(`{"amount":${amount},"notes":"1.5 and \\"2e3\\""}`);
      expect(status).toBe(422);
      expect(body.detail).toEqual([expect.objectContaining({ loc: ['body', 'amount'] })]);
      expect(body.error.field).toBe('amount');
    },
  );

  test('with digits inside of strings and names is left alone', async () => {
    await post('{"amount":100,"notes":{"1.5":"2e3, \\"3.7\\" \\\\","e":"1.0"}}');
    expect(seen).toEqual([{ amount: 100, notes: { '1.5': '2e3, "3.7" \\', e: '1.0' } }]);
  });

  test('may hold decimals where the route says so', async () => {
    await post('{"amount":10.5}', '/rupees');
    expect(seen).toEqual([{ amount: 10.5 }]);
  });

  test('with one name twice counts the last, and __proto__ is a name like any other', async () => {
    await post('{"amount":5,"amount":7}');
    expect(seen).toEqual([{ amount: 7 }]);
    const { status, body } = await post('{"amount":1,"__proto__":{"amount":5},"constructor":{"prototype":{"x":1}}}');
    expect(status).toBe(422);
    expect(body.detail).toEqual([
      { loc: ['body', '__proto__'], msg: 'Extra inputs are not permitted', type: 'extra_forbidden' },
      { loc: ['body', 'constructor'], msg: 'Extra inputs are not permitted', type: 'extra_forbidden' },
    ]);
    expect(({} as { amount?: number }).amount).toBeUndefined();
  });

  test('of another type is 415, whatever it says inside', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/json; charset=latin1', 'x']) {
      const { status, reason } = await send('POST', '/orders', { body: '{"amount":1}', headers: { 'content-type': type } });
      expect({ type, status, reason }).toEqual({ type, status: 415, reason: 'unsupported_media_type' });
    }
    const packed = await send('POST', '/orders', { body: 'x', headers: { 'content-encoding': 'gzip' } });
    expect(packed.status).toBe(415);
  });

  test('in JSON may be labelled in any case and with utf-8', async () => {
    for (const type of ['Application/JSON', 'application/json; charset=UTF-8', 'application/json;charset=utf8']) {
      const { status } = await send('POST', '/orders', { body: '{"amount":1}', headers: { 'content-type': type } });
      expect(status).toBe(200);
    }
  });

  test('is a form where the route says so, and only there', async () => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    await send('POST', '/login', { body: 'username=jane%40x.test&password=a+b', headers });
    expect(seen).toEqual([{ username: 'jane@x.test', password: 'a b' }]);
    expect((await send('POST', '/login', { body: 'username=a%00&password=b', headers })).reason).toBe('nul_character');
    expect((await send('POST', '/login', { body: 'username=a&password=b&__proto__=c', headers })).status).toBe(422);
    expect((await send('POST', '/login', { body: '{"username":"a","password":"b"}' })).status).toBe(415);
  });

  test('a refusal never repeats what was sent', async () => {
    const card = '4111111111111111';
    for (const body of [`{"amount":"${card}"}`, `{"amount":${card}.5}`, `{"amount":1 ${card}}`, `{"notes":["${card}"]}`]) {
      expect((await post(body)).text).not.toContain(card);
    }
    expect(logLines.join('')).not.toContain(card);
  });

  test('names at most twenty faults and no name whole that is longer than a name', async () => {
    const names = Array.from({ length: 100 }, (_, index) => [`n${index}${'x'.repeat(200)}`, 1]);
    const { body } = await post(JSON.stringify(Object.fromEntries(names)));
    expect(body.detail).toHaveLength(20);
    expect(JSON.stringify(body).length).toBeLessThan(4_000);
  });

  test('that breaks off hurts nobody', async () => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.write('POST /orders HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"am');
    await new Promise((resolve) => setTimeout(resolve, 50));
    socket.destroy();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect((await post('{"amount":1}')).status).toBe(200);
    expect(logLines.filter((line) => line.includes('"level":50'))).toEqual([]);
  });
});

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
  const HEADERS = ['content-security-policy', 'x-content-type-options', 'strict-transport-security', 'x-request-id'];

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
    const line = logLines.find((each) => each.includes('a request failed')) ?? '';
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
  const idOf = async (id: string) => (await send('GET', '/refusal', { headers: { 'x-request-id': id } })).headers['x-request-id'];

  test('of the caller is kept if it is harmless', async () => {
    expect(await idOf('shop-17:a.B_c')).toBe('shop-17:a.B_c');
    expect(logLines.join('')).toContain('shop-17:a.B_c');
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
  await send('POST', '/orders?token=tok-1', {
    body: '{"amount":1,"notes":"note-1"}',
    headers: { authorization: 'Basic cGY6c2VjcmV0', cookie: 'session-1', 'x-request-id': 'r1' },
  });
  expect(logLines).toHaveLength(1);
  const line = JSON.parse(logLines[0] ?? '') as Record<string, unknown>;
  expect(line).toMatchObject({
    request_id: 'r1',
    method: 'POST',
    path: '/orders',
    route: '/orders',
    status: 200,
    duration_ms: expect.any(Number),
  });
  for (const secret of ['tok-1', 'note-1', 'cGY6c2VjcmV0', 'session-1']) expect(logLines[0]).not.toContain(secret);
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

import { connect } from 'node:net';
import { z } from 'zod';
import { serveProbeRoutes, type ProbeServer } from '../../testing/probe-routes.ts';
import { route } from './guard.ts';
import { json } from './responses.ts';

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
];

let server: ProbeServer;
const send: ProbeServer['send'] = (...args) => server.send(...args);
const post = (body: string | Buffer, path = '/orders') => send('POST', path, { body });

beforeAll(async () => {
  server = await serveProbeRoutes(ROUTES);
});
beforeEach(() => {
  seen.length = 0;
  server.logLines.length = 0;
});
afterAll(() => server.close());

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

  test.each([
    '1.0',
    '1.5',
    '1e2',
    '1E2',
    '100e-2',
    '"1"',
    'true',
    'null',
    '[1]',
    '0.1e1',
    '100000000000',
    '-1',
    '0',
  ])('with the amount %s is refused at that field', async (amount) => {
    const { status, body } = await post(`{"amount":${amount},"notes":"1.5 and \\"2e3\\""}`);
    expect(status).toBe(422);
    expect(body.detail).toEqual([expect.objectContaining({ loc: ['body', 'amount'] })]);
    expect(body.error.field).toBe('amount');
  });

  test('with digits inside of strings and names is left alone', async () => {
    await post('{"amount":100,"notes":{"1.5":"2e3, \\"3.7\\" \\\\","e":"1.0"}}');
    expect(seen).toEqual([{ amount: 100, notes: { '1.5': '2e3, "3.7" \\', e: '1.0' } }]);
  });

  test('may hold decimals where the route says so', async () => {
    await post('{"amount":10.5}', '/rupees');
    expect(seen).toEqual([{ amount: 10.5 }]);
  });

  test('with one name twice counts the last', async () => {
    await post('{"amount":5,"amount":7}');
    expect(seen).toEqual([{ amount: 7 }]);
  });

  test.each([
    ['__proto__', '{"amount":1,"__proto__":{"amount":5}}'],
    ['constructor', '{"amount":1,"constructor":{"prototype":{"amount":5}}}'],
    ['__proto__', '{"amount":1,"notes":{"__proto__":"x"}}'],
  ])('that speaks of %s is refused and changes nothing', async (name, text) => {
    const { status, body } = await post(text);
    expect(status).toBe(422);
    expect(body.detail).toEqual([
      { loc: ['body', name], msg: 'Extra inputs are not permitted', type: 'extra_forbidden' },
    ]);
    expect(({} as { amount?: number }).amount).toBeUndefined();
  });

  test('of another type is 415, whatever it says inside', async () => {
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'application/json; charset=latin1',
      'x',
    ]) {
      const { status, reason } = await send('POST', '/orders', {
        body: '{"amount":1}',
        headers: { 'content-type': type },
      });
      expect({ type, status, reason }).toEqual({ type, status: 415, reason: 'unsupported_media_type' });
    }
    const packed = await send('POST', '/orders', { body: 'x', headers: { 'content-encoding': 'gzip' } });
    expect(packed.status).toBe(415);
  });

  test('in JSON may be labelled in any case and with utf-8', async () => {
    for (const type of [
      'Application/JSON',
      'application/json; charset=UTF-8',
      'application/json;charset=utf8',
    ]) {
      const { status } = await send('POST', '/orders', {
        body: '{"amount":1}',
        headers: { 'content-type': type },
      });
      expect(status).toBe(200);
    }
  });

  test('is a form where the route says so, and only there', async () => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    await send('POST', '/login', { body: 'username=jane%40x.test&password=a+b', headers });
    expect(seen).toEqual([{ username: 'jane@x.test', password: 'a b' }]);
    expect((await send('POST', '/login', { body: 'username=a%00&password=b', headers })).reason).toBe(
      'nul_character',
    );
    expect(
      (await send('POST', '/login', { body: 'username=a&password=b&__proto__=c', headers })).status,
    ).toBe(422);
    expect((await send('POST', '/login', { body: '{"username":"a","password":"b"}' })).status).toBe(415);
  });

  test('a refusal never repeats what was sent', async () => {
    const card = '4111111111111111';
    for (const body of [
      `{"amount":"${card}"}`,
      `{"amount":${card}.5}`,
      `{"amount":1 ${card}}`,
      `{"notes":["${card}"]}`,
    ]) {
      expect((await post(body)).text).not.toContain(card);
    }
    expect(server.logLines.join('')).not.toContain(card);
  });

  test('names at most twenty faults and no name whole that is longer than a name', async () => {
    const names = Array.from({ length: 100 }, (_, index) => [`n${index}${'x'.repeat(200)}`, 1]);
    const { body } = await post(JSON.stringify(Object.fromEntries(names)));
    expect(body.detail).toHaveLength(20);
    expect(JSON.stringify(body).length).toBeLessThan(4_000);
  });

  test('that breaks off hurts nobody', async () => {
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    socket.write(
      'POST /orders HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"am',
    );
    await new Promise((resolve) => setTimeout(resolve, 50));
    socket.destroy();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect((await post('{"amount":1}')).status).toBe(200);
    expect(server.logLines.filter((line) => line.includes('"level":50'))).toEqual([]);
  });
});

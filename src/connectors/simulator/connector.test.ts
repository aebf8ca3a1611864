import { createHmac } from 'node:crypto';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createSimulatorConnector } from './connector.ts';

/** The adapter against a bank that behaves badly. How it gets on with a good one: connector.bank.test.ts. */

const CALL = { timeoutMs: 2_000 };
const STEP = { key: 'k/1', orderRef: 'o', reference: 'r', amount: 1, currency: 'INR' };
const CARD = { number: '4111111111111111', expiryMonth: 1, expiryYear: 2099, cvv: '123', name: null };

let server: Server;
let respond: RequestListener;
let requests: { url: string; authorization: string | undefined; body: string }[];
let connector: ReturnType<typeof createSimulatorConnector>;

beforeEach(async () => {
  requests = [];
  server = createServer((request, response) => {
    const { url = '', headers } = request;
    let body = '';
    request.on('data', (chunk) => (body += String(chunk)));
    request.on('end', () => {
      requests.push({ url, authorization: headers.authorization, body });
      respond(request, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const options = { url: `http://127.0.0.1:${port}/bank/`, apiKey: 'secret', callbackSecret: 's' };
  connector = createSimulatorConnector(options);
});
afterEach(async () => {
  await connector.close();
  await new Promise((resolve) => server.close(resolve));
});

const answering =
  (status: number, body: unknown): RequestListener =>
  (_request, response) =>
    void response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body));

test.each([
  ['an approval', 500, { outcome: { type: 'approved', reference: 'r' } }],
  ['an approval', 302, { outcome: { type: 'approved', reference: 'r' } }],
  ['a refusal of the call', 422, { error: 'key_used_with_another_request' }],
  ['a wrong address', 404, { error: 'not_found' }],
  ['HTML', 200, '<h1>It works!</h1>'],
  ['nothing', 200, ''],
  ['an approval without a reference', 200, { outcome: { type: 'approved' } }],
  [
    'a decline for a reason of its own',
    200,
    { outcome: { type: 'declined', reason: 'bad day', reference: null } },
  ],
  ['a type of its own', 200, { outcome: { type: 'captured', reference: 'r' } }],
  ['too much', 200, { outcome: { type: 'approved', reference: 'r'.repeat(70_000) } }],
])('the bank answers %s with %d → unknown', async (_what, status, body) => {
  respond = answering(status, body);
  const unknown = { type: 'unknown', cause: expect.any(String) };
  expect(await connector.capture(STEP, CALL)).toEqual(unknown);
  expect(await connector.void(STEP, CALL)).toEqual(unknown);
  expect(await connector.fetch(STEP.key, CALL)).toEqual(unknown);
  expect(await connector.abandon(STEP.key, CALL)).toEqual(unknown);
});

test('a line that breaks during the call → unknown after exactly one request', async () => {
  respond = (request) => void request.socket.destroy();
  expect((await connector.capture(STEP, CALL)).type).toBe('unknown');
  expect(requests).toHaveLength(1);
});

test('an answer that stops in the middle → unknown when the time is over', async () => {
  respond = (_request, response) => void response.writeHead(200).write('{"outcome":');
  const outcome = await connector.capture(STEP, { timeoutMs: 100 });
  expect(outcome).toEqual({ type: 'unknown', cause: 'timed out' });
});

test('a caller that has cancelled before → unknown, nothing is sent', async () => {
  respond = answering(200, {});
  const signal = AbortSignal.abort();
  expect(await connector.capture(STEP, { ...CALL, signal })).toEqual({ type: 'unknown', cause: 'cancelled' });
  expect(requests).toEqual([]);
});

test('calls carry the API key and reach the path below the URL, with the key encoded', async () => {
  respond = answering(200, { outcome: { type: 'not_found' } });
  expect(await connector.fetch('a/b', CALL)).toEqual({ type: 'not_found' });
  expect(requests).toEqual([{ url: '/bank/operations/a%2Fb', authorization: 'Bearer secret', body: '' }]);
});

test('voids with an amount in the request → it is not sent', async () => {
  respond = answering(200, { outcome: { type: 'already_captured', amount: 5 } });
  expect(await connector.void(STEP, CALL)).toEqual({ type: 'already_captured', amount: 5 });
  expect(JSON.parse(requests[0]?.body ?? '')).not.toHaveProperty('amount');
});

test.each([
  [422, 'invalid_request'],
  [503, 'bank_unavailable'],
])('tokenises and is answered %d → %s', async (status, reason) => {
  respond = answering(status, { error: 'x' });
  await expect(connector.tokenizeCard(CARD, CALL)).rejects.toMatchObject({ reason });
});

test.each(['{}', '[]', 'null', '{"id":1,"key":"k"}', 'no JSON'])(
  'a signed callback with the body %s → null',
  (body) => {
    const signature = createHmac('sha256', 's').update(body).digest('hex');
    expect(connector.parseCallback(body, { 'x-bank-signature': signature })).toBeNull();
  },
);

import { randomUUID } from 'node:crypto';
import { PUBLIC_EVENTS, eventBody } from '../../domain/events.ts';
import { limitedKey, registerMerchant, startApi, type TestApi } from '../../testing/api.ts';
import { insertEvents } from '../../testing/webhook-rows.ts';

let api: TestApi;
let merchant: Awaited<ReturnType<typeof registerMerchant>>;

beforeAll(async () => {
  api = await startApi();
});
beforeEach(async () => {
  merchant = await registerMerchant(api);
});
afterAll(() => api.close());

const read = (query = '', auth = merchant.key) => api.call('GET', `/v1/events${query}`, { auth });
const sequences = (body: Awaited<ReturnType<typeof read>>['body']) => body.map((each) => each['sequence']);

test('nothing happened yet → nothing', async () => {
  const { status, body, headers } = await read();
  expect({ status, body, more: headers['payflow-has-more'], link: headers['link'] }).toEqual({
    status: 200,
    body: [],
    more: 'false',
    link: undefined,
  });
});

test('every public kind, oldest first, byte for byte what a webhook says', async () => {
  const inserted = await insertEvents(api.deps.pool, merchant.merchantId, PUBLIC_EVENTS);
  const { body } = await read();
  expect(body.map((each) => each['event'])).toEqual([...PUBLIC_EVENTS]);
  expect(sequences(body)).toEqual(PUBLIC_EVENTS.map((_, index) => index + 1));
  const bytes = body.map((each) => JSON.stringify(each));
  const told = inserted.map(({ id, payload }, index) =>
    eventBody({
      id,
      type: PUBLIC_EVENTS[index]!,
      at: String(body[index]?.['created_at']),
      sequence: index + 1,
      payload,
    }),
  );
  expect(bytes).toEqual(told);
});

test('after is exclusive, and the links lead through all of them once', async () => {
  await insertEvents(api.deps.pool, merchant.merchantId, Array(7).fill('payment.captured'));
  expect(sequences((await read('?after=5')).body)).toEqual([6, 7]);
  expect(sequences((await read('?after=7')).body)).toEqual([]);
  const seen: unknown[] = [];
  let path: string | undefined = '/v1/events?limit=3';
  while (path !== undefined) {
    const { body, headers } = await api.call('GET', path, { auth: merchant.key });
    seen.push(...sequences(body));
    path = /^<(.*)>; rel="next"$/.exec(String(headers['link']))?.[1];
    expect(headers['payflow-has-more']).toBe(String(path !== undefined));
  }
  expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7]);
});

test('a hundred at most, which is also what comes unasked', async () => {
  await insertEvents(api.deps.pool, merchant.merchantId, Array(101).fill('payment.failed'));
  const { body, headers } = await read();
  expect(body).toHaveLength(100);
  expect(headers['link']).toBe('</v1/events?after=100>; rel="next"');
});

test('internal events are not told', async () => {
  const [event] = await insertEvents(api.deps.pool, merchant.merchantId, ['payment.captured']);
  await api.deps.pool.query(
    `insert into events (id, order_ref, order_seq, after_seq, merchant_id, type, data, at)
     select $1, order_ref, order_seq + 1, after_seq, merchant_id, 'payment.submitted', '{}', at
     from events where id = $2`,
    [randomUUID(), event!.id],
  );
  expect((await read()).body.map((each) => each['id'])).toEqual([event!.id]);
});

test("another merchant's events are not there, whatever their numbers", async () => {
  await insertEvents(api.deps.pool, merchant.merchantId, ['payment.captured', 'order.paid']);
  const stranger = await registerMerchant(api);
  expect((await read('', stranger.key)).body).toEqual([]);
  const [own] = await insertEvents(api.deps.pool, stranger.merchantId, ['order.expired']);
  const { body } = await read('', stranger.key);
  expect(body).toMatchObject([{ id: own!.id, sequence: 1 }]);
});

test.each([
  ['after=-1', 'after'],
  ['after=x', 'after'],
  ['after=1.5', 'after'],
  ['after=9007199254740992', 'after'],
  ['limit=0', 'limit'],
  ['limit=101', 'limit'],
  ['event=order.paid', 'event'],
])('%s → 422 that names it', async (query, field) => {
  const { status, body } = await read(`?${query}`);
  expect([status, body['error']?.['field']]).toEqual([422, field]);
});

test('not without a key, and reading is enough of a scope', async () => {
  expect((await api.call('GET', '/v1/events')).status).toBe(401);
  const reader = await limitedKey(api, merchant, ['read']);
  const writer = await limitedKey(api, merchant, ['write']);
  expect((await read('', reader)).status).toBe(200);
  expect((await read('', writer)).status).toBe(403);
});

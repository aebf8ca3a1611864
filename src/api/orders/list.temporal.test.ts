import { registerMerchant } from '../../testing/api.ts';
import { startGateway, type Gateway } from '../../testing/gateway.ts';

let gateway: Gateway;
/** Oldest first. */
const refs: string[] = [];
beforeAll(async () => {
  gateway = await startGateway();
  for (const amount of [1, 2, 3, 4, 5]) {
    refs.push(await gateway.order({ amount, receipt: amount % 2 === 0 ? 'even' : 'odd' }));
  }
  await gateway.pay(refs[1] ?? '', { method: 'upi', vpa: 'success@payflow' });
});
afterAll(() => gateway.close());

const list = (query: string) => gateway.call('GET', `/v1/orders${query}`);
const amounts = async (query: string) => (await list(query)).body.map((order) => Number(order['amount']));

describe('GET /v1/orders', () => {
  test('is a bare array, newest first, of whole orders', async () => {
    const { body, headers } = await list('');
    expect(body.map((order) => order['order_ref'])).toEqual(refs.toReversed());
    expect(body[0]).toEqual((await gateway.call('GET', `/v1/orders/${refs[4] ?? ''}`)).body);
    expect(headers['payflow-has-more']).toBe('false');
    expect(headers['link']).toBeUndefined();
  });

  test('following the links shows each order once and ends', async () => {
    const seen: number[] = [];
    let path: string | undefined = '/v1/orders?limit=2';
    let pages = 0;
    while (path !== undefined) {
      const { body, headers } = await gateway.call('GET', path);
      pages += 1;
      seen.push(...body.map((order) => Number(order['amount'])));
      path = /^<(.*)>; rel="next"$/.exec(String(headers['link']))?.[1];
      expect(headers['payflow-has-more']).toBe(String(path !== undefined));
    }
    expect({ seen, pages }).toEqual({ seen: [5, 4, 3, 2, 1], pages: 3 });
  });

  test('backwards: the page just before an order, still newest first', async () => {
    const { body, headers } = await list(`?limit=2&ending_before=${refs[0] ?? ''}`);
    expect(body.map((order) => order['amount'])).toEqual([3, 2]);
    const path = /^<(.*)>; rel="prev"$/.exec(String(headers['link']))?.[1];
    expect((await gateway.call('GET', path ?? '')).body.map((order) => order['amount'])).toEqual([5, 4]);
  });

  test('an order created meanwhile shifts nothing', async () => {
    const merchant = await registerMerchant(gateway.api);
    const create = (amount: number) =>
      gateway.api.call('POST', '/v1/orders', { auth: merchant.key, body: { amount } });
    for (const amount of [1, 2, 3]) await create(amount);
    const first = await gateway.api.call('GET', '/v1/orders?limit=2', { auth: merchant.key });
    await create(4);
    const next = /^<(.*)>/.exec(String(first.headers['link']))?.[1] ?? '';
    const second = await gateway.api.call('GET', next, { auth: merchant.key });
    expect(second.body.map((order) => order['amount'])).toEqual([1]);
  });

  test('by number, as older clients do', async () => {
    expect(await amounts('?count=2&skip=1')).toEqual([4, 3]);
    expect(await amounts('?skip=10000')).toEqual([]);
    const { headers } = await list('?count=2&skip=1');
    expect(headers['link']).toBe(`</v1/orders?count=2&starting_after=${refs[2] ?? ''}>; rel="next"`);
  });

  test('by status, by receipt, by time', async () => {
    expect(await amounts('?status=paid')).toEqual([2]);
    expect(await amounts('?status=created&receipt=even')).toEqual([4]);
    expect(await amounts('?receipt=odd')).toEqual([5, 3, 1]);
    expect(await amounts("?receipt=o'dd")).toEqual([]);
    const { body } = await gateway.call('GET', `/v1/orders/${refs[2] ?? ''}`);
    const at = String(body['created_at']);
    expect(await amounts(`?from=${at}`)).toEqual([5, 4, 3]);
    expect(await amounts(`?to=${at}`)).toEqual([3, 2, 1]);
    const inIndia = new Date(Date.parse(at) + 5.5 * 3_600_000).toISOString().replace('Z', '%2B05:30');
    expect(await amounts(`?from=${inIndia}&to=${at}`)).toEqual([3]);
    const seconds = Math.floor(Date.parse(at) / 1_000);
    expect(await amounts(`?from=${seconds - 3_600}&to=${seconds + 3_600}`)).toEqual([5, 4, 3, 2, 1]);
    expect(await amounts(`?to=${seconds - 3_600}`)).toEqual([]);
  });

  test('a cursor need not match the filters', async () => {
    expect(await amounts(`?receipt=odd&starting_after=${refs[3] ?? ''}`)).toEqual([3, 1]);
  });

  test.each(['starting_after', 'ending_before'])('an unknown %s is a 400 that names it', async (name) => {
    const stranger = await registerMerchant(gateway.api);
    const foreign = await gateway.api.call('POST', '/v1/orders', { auth: stranger.key, body: { amount: 1 } });
    for (const cursor of ['pf_order_00000000000000000000', 'x', String(foreign.body['order_ref'])]) {
      const { status, body } = await list(`?${name}=${cursor}`);
      expect(status).toBe(400);
      expect(body['error']).toMatchObject({ reason: 'invalid_cursor', field: name });
    }
  });

  test('both cursors at once are refused', async () => {
    const ref = refs[0] ?? '';
    const { status, body } = await list(`?starting_after=${ref}&ending_before=${ref}`);
    expect(status).toBe(400);
    expect(body['error']?.['field']).toBe('ending_before');
  });

  test.each([
    'limit=0',
    'limit=101',
    'limit=-1',
    'limit=1.5',
    'limit=x',
    'limit=',
    'limit=1&limit=2',
    'count=0',
    'skip=10001',
    'skip=-1',
    'status=PAID',
    'from=yesterday',
    'from=2026-01-01T00:00:00',
    'to=999999999999',
    'starting_after=',
    'page=2',
    '__proto__=1',
  ])('%s is a 422', async (query) => {
    expect((await list(`?${query}`)).status).toBe(422);
  });

  test('NUL in the query is refused by name', async () => {
    const { status, body } = await list('?receipt=a%00');
    expect(status).toBe(400);
    expect(body['error']?.['reason']).toBe('nul_character');
  });
});

describe('GET /v1/orders/{order_ref}/payments', () => {
  let ref: string;
  beforeAll(async () => {
    ref = await gateway.order();
    for (const vpa of ['failure@payflow', 'insufficient@payflow', 'success@payflow']) {
      await gateway.pay(ref, { method: 'upi', vpa });
    }
  });
  const tries = async (query = '') => {
    const { body } = await gateway.call('GET', `/v1/orders/${ref}/payments${query}`);
    return body.map((payment) => String(payment['vpa']).replace('@payflow', ''));
  };

  test('shows every try, newest first, each as its own address does', async () => {
    expect(await tries()).toEqual(['success', 'insufficient', 'failure']);
    const { body } = await gateway.call('GET', `/v1/orders/${ref}/payments`);
    const one = await gateway.call('GET', `/v1/payments/${String(body[1]?.['payment_ref'])}`);
    expect(body[1]).toEqual(one.body);
    expect(new Set(body.map((payment) => payment['order_ref']))).toEqual(new Set([ref]));
  });

  test('by status, by method, by pages', async () => {
    expect(await tries('?status=failed')).toEqual(['insufficient', 'failure']);
    expect(await tries('?method=card')).toEqual([]);
    expect(await tries('?method=upi&limit=1')).toEqual(['success']);
    const { body, headers } = await gateway.call('GET', `/v1/orders/${ref}/payments?limit=2`);
    expect(headers['payflow-has-more']).toBe('true');
    const [newest, middle] = body.map((payment) => String(payment['payment_ref']));
    expect(await tries(`?starting_after=${middle}`)).toEqual(['failure']);
    expect(await tries(`?ending_before=${middle}`)).toEqual(['success']);
    expect(await tries(`?ending_before=${newest}`)).toEqual([]);
  });

  test('an unknown cursor is a 400', async () => {
    const path = `/v1/orders/${ref}/payments?starting_after=pf_pay_00000000000000000000`;
    const { status, body } = await gateway.call('GET', path);
    expect(status).toBe(400);
    expect(body['error']).toMatchObject({ reason: 'invalid_cursor', field: 'starting_after' });
  });

  test('an order that nobody tried to pay has none', async () => {
    expect((await gateway.call('GET', `/v1/orders/${await gateway.order()}/payments`)).body).toEqual([]);
  });

  test('the order counts the tries and says what is paid', async () => {
    expect((await gateway.call('GET', `/v1/orders/${ref}`)).body).toMatchObject({
      status: 'paid',
      attempts: 3,
      amount: 49_900,
      amount_paid: 49_900,
      amount_due: 0,
      amount_refunded: 0,
    });
  });

  test('an order that was tried in vain is attempted, and all of it is due', async () => {
    const tried = await gateway.order();
    await gateway.pay(tried, { method: 'upi', vpa: 'failure@payflow' });
    expect((await gateway.call('GET', `/v1/orders/${tried}`)).body).toMatchObject({
      status: 'attempted',
      attempts: 1,
      amount_paid: 0,
      amount_due: 49_900,
    });
  });
});

import {
  createDeliveryTables,
  secondsUntil,
  URL_OF_SHOP,
  type DeliveryTables,
} from '../testing/delivery-tables.ts';
import { giveUpDeliveries, loadDelivery, releasePending } from './deliveries.ts';

let tables: DeliveryTables;
beforeAll(async () => {
  tables = await createDeliveryTables();
});
beforeEach(() => tables.reset());
afterAll(() => tables.close());

/** So many deliveries of the endpoint are in retry, the next one due in `delayMs`. */
async function putInRetry(endpoint: string, count: number, delayMs: number) {
  const { rows } = await tables.pool.query<{ id: string }>(
    `update deliveries set status = 'retrying', attempts = 1, next_attempt_at = now() + $3 * interval '1 ms'
     where id in (select id from deliveries where endpoint_id = $1 order by created_at limit $2) returning id`,
    [endpoint, count, delayMs],
  );
  expect(rows).toHaveLength(count);
}

async function deliverOneInRetry(endpoint: string) {
  await tables.pool.query(
    `update deliveries set status = 'delivered' where id =
     (select id from deliveries where endpoint_id = $1 and status = 'retrying' limit 1)`,
    [endpoint],
  );
}

describe('claiming', () => {
  test('brings all that a try needs', async () => {
    const { endpoint, events } = await tables.pending(1);
    const [delivery] = await tables.claim();
    expect(delivery).toMatchObject({
      eventId: events[0]!.id,
      endpointId: endpoint,
      isResend: false,
      attempts: 0,
      status: 'pending',
      waitMs: 0,
      event: { type: 'payment.captured', sequence: 1, payload: events[0]!.payload },
      endpoint: { url: URL_OF_SHOP, isActive: true, secretVersion: 1, overlapUntil: null },
    });
    await expect(loadDelivery(tables.pool, delivery!.id)).resolves.toEqual(delivery);
  });

  test('a claimed one is nobody else’s until the lease has run out, or it is given back', async () => {
    await tables.pending(2);
    const [first, second] = await tables.claim();
    await expect(tables.claim()).resolves.toEqual([]);
    expect(secondsUntil((await tables.row(first!.id)).claimed_until)).toBeCloseTo(30, 0);
    await tables.pool.query(`update deliveries set claimed_until = now() - interval '1 ms' where id = $1`, [
      first!.id,
    ]);
    expect((await tables.claim()).map((each) => each.id)).toEqual([first!.id]);
    await releasePending(tables.pool, [second!.id]);
    expect((await tables.claim()).map((each) => each.id)).toEqual([second!.id]);
  });

  test('twenty rivals → each delivery once', async () => {
    await tables.pending(40);
    const claims = await Promise.all(
      Array.from({ length: 20 }, () => tables.claim({ limit: 3, perEndpoint: 100 })),
    );
    const ids = claims.flat().map((delivery) => delivery.id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('no more than the cap of an endpoint, those under way included', async () => {
    const { endpoint } = await tables.pending(20);
    expect(await tables.claim({ busy: new Map([[endpoint, 5]]) })).toHaveLength(3);
    expect(await tables.claim({ busy: new Map([[endpoint, 8]]) })).toHaveLength(0);
    expect(await tables.claim({ busy: new Map([[endpoint, 9]]) })).toHaveLength(0);
  });

  test('everybody’s first comes before anybody’s second', async () => {
    const many = await tables.pending(10);
    await tables.nextMerchant();
    const one = await tables.pending(1);
    await tables.nextMerchant();
    const other = await tables.pending(1);
    const claimed = await tables.claim({ limit: 3 });
    expect(new Set(claimed.map((delivery) => delivery.endpointId))).toEqual(
      new Set([many.endpoint, one.endpoint, other.endpoint]),
    );
  });

  test('an endpoint with deliveries in retry gets two posts at once', async () => {
    const { endpoint } = await tables.pending(10);
    await putInRetry(endpoint, 1, 5_000);
    expect(await tables.claim()).toHaveLength(2);
  });

  test('twenty in retry hold the others back; one that gets through releases them in order', async () => {
    const { endpoint, events } = await tables.pending(30);
    await putInRetry(endpoint, 20, 5_000);
    expect(await tables.claim()).toEqual([]);
    await deliverOneInRetry(endpoint);
    expect((await tables.claim()).map((each) => each.eventId)).toEqual([events[20]!.id]);
    await deliverOneInRetry(endpoint);
    const released = await tables.claim();
    expect(released.map((each) => each.eventId)).toEqual([events[21]!.id, events[22]!.id]);
  });

  test('nineteen in retry and one under way → no more: both might fail', async () => {
    const { endpoint } = await tables.pending(30);
    await putInRetry(endpoint, 19, 5_000);
    expect(await tables.claim({ busy: new Map([[endpoint, 1]]) })).toEqual([]);
    expect(await tables.claim()).toHaveLength(1);
  });

  test('held, and no retry due for long → one goes through to see', async () => {
    const { endpoint, events } = await tables.pending(30);
    await putInRetry(endpoint, 20, 3_600_000);
    expect((await tables.claim()).map((each) => each.eventId)).toEqual([events[20]!.id]);
    expect(await tables.claim({ busy: new Map([[endpoint, 1]]) })).toEqual([]);
  });

  test('a held endpoint does not hold others, however much it has', async () => {
    const dead = await tables.pending(300);
    await putInRetry(dead.endpoint, 20, 5_000);
    const other = await tables.pending(1);
    const claimed = await tables.claim();
    expect(claimed.map((each) => each.endpointId)).toContain(other.endpoint);
    expect(claimed.map((each) => each.endpointId)).not.toContain(dead.endpoint);
  });

  test('rows of an endpoint that was switched off are claimed, to be written off', async () => {
    const { endpoint } = await tables.pending(30);
    await putInRetry(endpoint, 20, 5_000);
    await tables.pool.query('update webhook_endpoints set is_active = false where id = $1', [endpoint]);
    const claimed = await tables.claim();
    expect(claimed).toHaveLength(8);
    expect(claimed[0]!.endpoint.isActive).toBe(false);
    await giveUpDeliveries(tables.pool, [claimed[0]!.id]);
    expect(await tables.row(claimed[0]!.id)).toMatchObject({ status: 'failed', claimed_until: null });
  });
});

import { setTimeout as sleep } from 'node:timers/promises';
import type { PublicEventType } from '../domain/events.ts';
import { createDeliveryTables, URL_OF_SHOP, type DeliveryTables } from '../testing/delivery-tables.ts';
import { insertEvents, insertMerchant, insertTestEndpoint } from '../testing/webhook-rows.ts';
import { createDeliveries, listenForOutbox } from './outbox.ts';

let tables: DeliveryTables;
beforeAll(async () => {
  tables = await createDeliveryTables();
});
beforeEach(() => tables.reset());
afterAll(() => tables.close());

const captured = (count: number): PublicEventType[] =>
  Array.from({ length: count }, () => 'payment.captured');

describe('the outbox', () => {
  test('one delivery for each active, subscribed endpoint with a URL', async () => {
    const wanted = await insertTestEndpoint(tables.pool, tables.merchant(), {
      url: URL_OF_SHOP,
      events: ['payment.captured'],
    });
    await insertTestEndpoint(tables.pool, tables.merchant(), {
      url: URL_OF_SHOP,
      events: ['payment.failed'],
    });
    await insertTestEndpoint(tables.pool, tables.merchant(), { url: URL_OF_SHOP, active: false });
    await insertTestEndpoint(tables.pool, tables.merchant(), { url: null, primary: true });
    await insertTestEndpoint(tables.pool, await insertMerchant(tables.pool), { url: URL_OF_SHOP });
    const [event] = await insertEvents(tables.pool, tables.merchant(), ['payment.captured']);
    await expect(createDeliveries(tables.pool, 10)).resolves.toBe(1);
    const { rows } = await tables.pool.query('select * from deliveries');
    expect(rows).toHaveLength(1);
    expect(rows[0]).toMatchObject({
      event_id: event!.id,
      endpoint_id: wanted,
      merchant_id: tables.merchant(),
      target_url: URL_OF_SHOP,
      status: 'pending',
      attempts: 0,
    });
    expect((await tables.pool.query('select * from outbox')).rows).toEqual([]);
  });

  test('an event that nobody wants leaves the outbox too', async () => {
    await insertEvents(tables.pool, tables.merchant(), ['payment.captured']);
    await expect(createDeliveries(tables.pool, 10)).resolves.toBe(1);
    await expect(createDeliveries(tables.pool, 10)).resolves.toBe(0);
  });

  test('the oldest come first, also over several batches, in the order of the sequence', async () => {
    await insertTestEndpoint(tables.pool, tables.merchant(), { url: URL_OF_SHOP });
    const events = await insertEvents(tables.pool, tables.merchant(), captured(7));
    await expect(createDeliveries(tables.pool, 4)).resolves.toBe(4);
    await expect(createDeliveries(tables.pool, 4)).resolves.toBe(3);
    const claimed = await tables.claim();
    expect(claimed.map((delivery) => delivery.eventId)).toEqual(events.map((event) => event.id));
    expect(claimed.map((delivery) => delivery.event.sequence)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  test('twenty rivals → each event once', async () => {
    await insertTestEndpoint(tables.pool, tables.merchant(), { url: URL_OF_SHOP });
    await insertEvents(tables.pool, tables.merchant(), captured(40));
    const moved = await Promise.all(Array.from({ length: 20 }, () => createDeliveries(tables.pool, 5)));
    const rest = await createDeliveries(tables.pool, 100);
    expect(moved.reduce((sum, each) => sum + each, rest)).toBe(40);
    const { rows } = await tables.pool.query(
      'select count(*) as n, count(distinct event_id) as events from deliveries',
    );
    expect(rows[0]).toEqual({ n: 40, events: 40 });
  });

  test('an outbox row that comes a second time makes no second delivery', async () => {
    await insertTestEndpoint(tables.pool, tables.merchant(), { url: URL_OF_SHOP });
    const [event] = await insertEvents(tables.pool, tables.merchant(), ['payment.captured']);
    await createDeliveries(tables.pool, 10);
    await tables.pool.query('insert into outbox values ($1, $2, now())', [event!.id, tables.merchant()]);
    await createDeliveries(tables.pool, 10);
    expect((await tables.pool.query('select 1 from deliveries')).rows).toHaveLength(1);
  });

  test('whoever listens is told, and hears that the connection is lost', async () => {
    const told = jest.fn();
    let onLost = (_error: Error) => {};
    const lost = new Promise<Error>((resolve) => (onLost = resolve));
    const listener = await listenForOutbox(tables.pool, { onNotify: told, onLost });
    await insertEvents(tables.pool, tables.merchant(), ['payment.captured']);
    while (told.mock.calls.length === 0) await sleep(5);
    await tables.pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where query = 'listen outbox' and datname = current_database()`,
    );
    await expect(lost).resolves.toBeInstanceOf(Error);
    listener.close();
    expect(told).toHaveBeenCalledTimes(1);
  });
});

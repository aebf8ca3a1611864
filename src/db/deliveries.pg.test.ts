import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { createDatabase, type TestDatabase } from '../testing/database.ts';
import { insertEvents, insertMerchant, insertTestEndpoint } from '../testing/webhook-rows.ts';
import type { PublicEventType } from '../domain/events.ts';
import {
  claimPending,
  giveUpDeliveries,
  loadDelivery,
  releasePending,
  type DueDelivery,
} from './deliveries.ts';
import { listAttempts, recordAttempts, type Attempt } from './delivery-attempts.ts';
import { claimRetries, confirmRetries, insertResend } from './delivery-retries.ts';
import { createDeliveries, listenForOutbox } from './outbox.ts';
import { createPool } from './pool.ts';

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const URL_OF_SHOP = 'https://shop.example/hook';

let database: TestDatabase;
let pool: pg.Pool;
let merchant: string;

beforeAll(async () => {
  database = await createDatabase();
  pool = createPool({ url: database.url, max: 20, applicationName: 'test' });
});

beforeEach(async () => {
  await pool.query('truncate outbox, deliveries, delivery_attempts');
  await pool.query('update webhook_endpoints set is_active = false');
  merchant = await insertMerchant(pool);
});

afterAll(async () => {
  await pool.end();
  await database.drop();
});

const captured = (count: number): PublicEventType[] =>
  Array.from({ length: count }, () => 'payment.captured');
const claim = (limits: Partial<Parameters<typeof claimPending>[1]> = {}) =>
  claimPending(pool, { limit: 100, perEndpoint: 8, busy: new Map(), ...limits });
const secondsUntil = (time: string) => (Date.parse(time) - Date.now()) / 1_000;

async function row(id: string) {
  const { rows } = await pool.query('select * from deliveries where id = $1', [id]);
  return rows[0];
}

function result(delivery: DueDelivery, changes: Partial<Attempt> = {}): Attempt {
  return {
    deliveryId: delivery.id,
    attempt: delivery.attempts + 1,
    at: new Date(),
    targetUrl: delivery.endpoint.url!,
    outcome: 'delivered',
    status: 200,
    body: 'thanks',
    error: null,
    durationMs: 12,
    delayMs: null,
    gone: false,
    ...changes,
  };
}

const failed = (delayMs: number | null = 5_000): Partial<Attempt> => ({
  outcome: delayMs === null ? 'failed' : 'retrying',
  status: 503,
  error: 'HTTP 503',
  delayMs,
});

/** One endpoint with `count` pending deliveries. */
async function pending(count: number, url = URL_OF_SHOP) {
  const endpoint = await insertTestEndpoint(pool, merchant, { url });
  const events = await insertEvents(pool, merchant, captured(count));
  await createDeliveries(pool, 500);
  return { endpoint, events };
}

/** So many deliveries of the endpoint are in retry, the next one due in `delayMs`. */
async function putInRetry(endpoint: string, count: number, delayMs: number) {
  const { rows } = await pool.query<{ id: string }>(
    `update deliveries set status = 'retrying', attempts = 1, next_attempt_at = now() + $3 * interval '1 ms'
     where id in (select id from deliveries where endpoint_id = $1 order by created_at limit $2) returning id`,
    [endpoint, count, delayMs],
  );
  expect(rows).toHaveLength(count);
}

describe('the outbox', () => {
  test('one delivery for each active, subscribed endpoint with a URL', async () => {
    const wanted = await insertTestEndpoint(pool, merchant, {
      url: URL_OF_SHOP,
      events: ['payment.captured'],
    });
    await insertTestEndpoint(pool, merchant, { url: URL_OF_SHOP, events: ['payment.failed'] });
    await insertTestEndpoint(pool, merchant, { url: URL_OF_SHOP, active: false });
    await insertTestEndpoint(pool, merchant, { url: null, primary: true });
    await insertTestEndpoint(pool, await insertMerchant(pool), { url: URL_OF_SHOP });
    const [event] = await insertEvents(pool, merchant, ['payment.captured']);
    await expect(createDeliveries(pool, 10)).resolves.toBe(1);
    const { rows } = await pool.query('select * from deliveries');
    expect(rows).toHaveLength(1);
    expect(rows[0]).toMatchObject({
      event_id: event!.id,
      endpoint_id: wanted,
      merchant_id: merchant,
      target_url: URL_OF_SHOP,
      status: 'pending',
      attempts: 0,
    });
    expect((await pool.query('select * from outbox')).rows).toEqual([]);
  });

  test('an event that nobody wants leaves the outbox too', async () => {
    await insertEvents(pool, merchant, ['payment.captured']);
    await expect(createDeliveries(pool, 10)).resolves.toBe(1);
    await expect(createDeliveries(pool, 10)).resolves.toBe(0);
  });

  test('the oldest come first, also over several batches, in the order of the sequence', async () => {
    await insertTestEndpoint(pool, merchant, { url: URL_OF_SHOP });
    const events = await insertEvents(pool, merchant, captured(7));
    await expect(createDeliveries(pool, 4)).resolves.toBe(4);
    await expect(createDeliveries(pool, 4)).resolves.toBe(3);
    const claimed = await claim();
    expect(claimed.map((delivery) => delivery.eventId)).toEqual(events.map((event) => event.id));
    expect(claimed.map((delivery) => delivery.event.sequence)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  test('twenty rivals → each event once', async () => {
    await insertTestEndpoint(pool, merchant, { url: URL_OF_SHOP });
    await insertEvents(pool, merchant, captured(40));
    const moved = await Promise.all(Array.from({ length: 20 }, () => createDeliveries(pool, 5)));
    const rest = await createDeliveries(pool, 100);
    expect(moved.reduce((sum, each) => sum + each, rest)).toBe(40);
    const { rows } = await pool.query(
      'select count(*) as n, count(distinct event_id) as events from deliveries',
    );
    expect(rows[0]).toEqual({ n: 40, events: 40 });
  });

  test('an outbox row that comes a second time makes no second delivery', async () => {
    await insertTestEndpoint(pool, merchant, { url: URL_OF_SHOP });
    const [event] = await insertEvents(pool, merchant, ['payment.captured']);
    await createDeliveries(pool, 10);
    await pool.query('insert into outbox values ($1, $2, now())', [event!.id, merchant]);
    await createDeliveries(pool, 10);
    expect((await pool.query('select 1 from deliveries')).rows).toHaveLength(1);
  });

  test('whoever listens is told, and hears that the connection is lost', async () => {
    const told = jest.fn();
    let onLost = (_error: Error) => {};
    const lost = new Promise<Error>((resolve) => (onLost = resolve));
    const listener = await listenForOutbox(pool, { onNotify: told, onLost });
    await insertEvents(pool, merchant, ['payment.captured']);
    while (told.mock.calls.length === 0) await sleep(5);
    await pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where query = 'listen outbox' and datname = current_database()`,
    );
    await expect(lost).resolves.toBeInstanceOf(Error);
    listener.close();
    expect(told).toHaveBeenCalledTimes(1);
  });
});

describe('claiming', () => {
  test('brings all that a try needs', async () => {
    const { endpoint, events } = await pending(1);
    const [delivery] = await claim();
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
    await expect(loadDelivery(pool, delivery!.id)).resolves.toEqual(delivery);
  });

  test('a claimed one is nobody else’s until the lease has run out, or it is given back', async () => {
    await pending(2);
    const [first, second] = await claim();
    await expect(claim()).resolves.toEqual([]);
    expect(secondsUntil((await row(first!.id)).claimed_until)).toBeCloseTo(30, 0);
    await pool.query(`update deliveries set claimed_until = now() - interval '1 ms' where id = $1`, [
      first!.id,
    ]);
    expect((await claim()).map((each) => each.id)).toEqual([first!.id]);
    await releasePending(pool, [second!.id]);
    expect((await claim()).map((each) => each.id)).toEqual([second!.id]);
  });

  test('twenty rivals → each delivery once', async () => {
    await pending(40);
    const claims = await Promise.all(Array.from({ length: 20 }, () => claim({ limit: 3, perEndpoint: 100 })));
    const ids = claims.flat().map((delivery) => delivery.id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('no more than the cap of an endpoint, those under way included', async () => {
    const { endpoint } = await pending(20);
    expect(await claim({ busy: new Map([[endpoint, 5]]) })).toHaveLength(3);
    expect(await claim({ busy: new Map([[endpoint, 8]]) })).toHaveLength(0);
    expect(await claim({ busy: new Map([[endpoint, 9]]) })).toHaveLength(0);
  });

  test('everybody’s first comes before anybody’s second', async () => {
    const many = await pending(10);
    merchant = await insertMerchant(pool);
    const one = await pending(1);
    merchant = await insertMerchant(pool);
    const other = await pending(1);
    const claimed = await claim({ limit: 3 });
    expect(new Set(claimed.map((delivery) => delivery.endpointId))).toEqual(
      new Set([many.endpoint, one.endpoint, other.endpoint]),
    );
  });

  test('an endpoint with deliveries in retry gets two posts at once', async () => {
    const { endpoint } = await pending(10);
    await putInRetry(endpoint, 1, 5_000);
    expect(await claim()).toHaveLength(2);
  });

  test('twenty in retry hold the others back; one that gets through releases them in order', async () => {
    const { endpoint, events } = await pending(30);
    await putInRetry(endpoint, 20, 5_000);
    expect(await claim()).toEqual([]);
    await pool.query(
      `update deliveries set status = 'delivered' where id =
       (select id from deliveries where endpoint_id = $1 and status = 'retrying' limit 1)`,
      [endpoint],
    );
    const released = await claim();
    expect(released.map((each) => each.eventId)).toEqual([events[20]!.id, events[21]!.id]);
  });

  test('held, and no retry due for long → one goes through to see', async () => {
    const { endpoint, events } = await pending(30);
    await putInRetry(endpoint, 20, 3_600_000);
    expect((await claim()).map((each) => each.eventId)).toEqual([events[20]!.id]);
    expect(await claim({ busy: new Map([[endpoint, 1]]) })).toEqual([]);
  });

  test('a held endpoint does not hold others, however much it has', async () => {
    const dead = await pending(300);
    await putInRetry(dead.endpoint, 20, 5_000);
    const other = await pending(1);
    const claimed = await claim();
    expect(claimed.map((each) => each.endpointId)).toContain(other.endpoint);
    expect(claimed.map((each) => each.endpointId)).not.toContain(dead.endpoint);
  });

  test('rows of an endpoint that was switched off are claimed, to be written off', async () => {
    const { endpoint } = await pending(30);
    await putInRetry(endpoint, 20, 5_000);
    await pool.query('update webhook_endpoints set is_active = false where id = $1', [endpoint]);
    const claimed = await claim();
    expect(claimed).toHaveLength(8);
    expect(claimed[0]!.endpoint.isActive).toBe(false);
    await giveUpDeliveries(pool, [claimed[0]!.id]);
    expect(await row(claimed[0]!.id)).toMatchObject({ status: 'failed', claimed_until: null });
  });
});

describe('recording', () => {
  test('taken → delivered, with its row in the log', async () => {
    await pending(1);
    const [delivery] = await claim();
    const changed = await recordAttempts(pool, { attempts: [result(delivery!)], handOver: true });
    expect([...changed]).toEqual([delivery!.id]);
    expect(await row(delivery!.id)).toMatchObject({
      status: 'delivered',
      attempts: 1,
      claimed_until: null,
      next_attempt_at: null,
      finished_at: expect.stringMatching(ISO),
    });
    const { rows } = await pool.query('select * from delivery_attempts');
    expect(rows).toHaveLength(1);
    expect(rows[0]).toMatchObject({
      delivery_id: delivery!.id,
      merchant_id: merchant,
      attempt: 1,
      event_id: delivery!.eventId,
      event_type: 'payment.captured',
      target_url: URL_OF_SHOP,
      success: true,
      response_status: 200,
      response_body: 'thanks',
      error: null,
      duration_ms: 12,
      next_attempt_at: null,
    });
  });

  test('a whole batch at once, each with its own end', async () => {
    await pending(3);
    const [one, two, three] = await claim();
    const attempts = [result(one!), result(two!, failed(60_000)), result(three!, failed(null))];
    await recordAttempts(pool, { attempts, handOver: true });
    expect((await row(one!.id)).status).toBe('delivered');
    const retrying = await row(two!.id);
    expect(retrying).toMatchObject({ status: 'retrying', attempts: 1, finished_at: null });
    expect(secondsUntil(retrying.next_attempt_at)).toBeCloseTo(60, 0);
    expect(secondsUntil(retrying.claimed_until)).toBeCloseTo(30, 0);
    expect(await row(three!.id)).toMatchObject({ status: 'failed', finished_at: expect.stringMatching(ISO) });
    const { rows } = await pool.query('select success, next_attempt_at from delivery_attempts order by id');
    expect(rows.map((each) => each.success)).toEqual([true, false, false]);
    expect(rows[1].next_attempt_at).toEqual(retrying.next_attempt_at);
  });

  test('the same try twice → the first result stands and is the only one in the log', async () => {
    await pending(1);
    const [delivery] = await claim();
    await recordAttempts(pool, { attempts: [result(delivery!)], handOver: true });
    const late = await recordAttempts(pool, { attempts: [result(delivery!, failed())], handOver: true });
    expect(late.size).toBe(0);
    expect((await row(delivery!.id)).status).toBe('delivered');
    expect((await pool.query('select 1 from delivery_attempts')).rows).toHaveLength(1);
  });

  test('a try that somebody else has already recorded as failed changes nothing', async () => {
    await pending(1);
    const [delivery] = await claim();
    await recordAttempts(pool, { attempts: [result(delivery!, failed())], handOver: true });
    const late = await recordAttempts(pool, { attempts: [result(delivery!)], handOver: true });
    expect(late.size).toBe(0);
    expect(await row(delivery!.id)).toMatchObject({ status: 'retrying', attempts: 1 });
  });

  test('410 switches the endpoint off, with the reason', async () => {
    const { endpoint } = await pending(1);
    const [delivery] = await claim();
    const gone = { ...failed(null), status: 410, gone: true };
    await recordAttempts(pool, { attempts: [result(delivery!, gone)], handOver: true });
    const { rows } = await pool.query('select * from webhook_endpoints where id = $1', [endpoint]);
    expect(rows[0]).toMatchObject({ is_active: false, disabled_reason: expect.stringContaining('410') });
    expect((await row(delivery!.id)).status).toBe('failed');
  });

  test('410 from an address that has been replaced meanwhile switches nothing off', async () => {
    const { endpoint } = await pending(1);
    const [delivery] = await claim();
    await pool.query(`update webhook_endpoints set url = 'https://new.example/' where id = $1`, [endpoint]);
    const gone = { ...failed(null), status: 410, gone: true };
    await recordAttempts(pool, { attempts: [result(delivery!, gone)], handOver: true });
    const { rows } = await pool.query('select is_active from webhook_endpoints where id = $1', [endpoint]);
    expect(rows[0].is_active).toBe(true);
  });
});

describe('retries', () => {
  async function handedOver(delayMs: number) {
    await pending(1);
    const [delivery] = await claim();
    await recordAttempts(pool, { attempts: [result(delivery!, failed(delayMs))], handOver: true });
    return delivery!;
  }
  const expireLease = (id: string) =>
    pool.query(`update deliveries set claimed_until = now() - interval '1 ms' where id = $1`, [id]);

  test('a start that was never confirmed is found when the lease has run out, once', async () => {
    const delivery = await handedOver(60_000);
    await expect(claimRetries(pool, 10)).resolves.toEqual([]);
    await expireLease(delivery.id);
    const [lost] = await claimRetries(pool, 10);
    expect(lost).toMatchObject({
      id: delivery.id,
      eventId: delivery.eventId,
      eventType: 'payment.captured',
      endpointId: delivery.endpointId,
      isResend: false,
      url: URL_OF_SHOP,
    });
    expect(lost!.waitMs).toBeGreaterThan(50_000);
    await expect(claimRetries(pool, 10)).resolves.toEqual([]);
  });

  test('a confirmed one is left alone until it is long overdue', async () => {
    const delivery = await handedOver(60_000);
    await confirmRetries(pool, [delivery.id]);
    expect((await row(delivery.id)).claimed_until).toBeNull();
    await expect(claimRetries(pool, 10)).resolves.toEqual([]);
    await pool.query(`update deliveries set next_attempt_at = now() - interval '9 min' where id = $1`, [
      delivery.id,
    ]);
    await expect(claimRetries(pool, 10)).resolves.toEqual([]);
    await pool.query(`update deliveries set next_attempt_at = now() - interval '11 min' where id = $1`, [
      delivery.id,
    ]);
    expect(await claimRetries(pool, 10)).toMatchObject([{ id: delivery.id, waitMs: 0 }]);
    // Its workflow is there: looked at again in ten minutes, not at once.
    await confirmRetries(pool, [delivery.id]);
    expect(secondsUntil((await row(delivery.id)).claimed_until)).toBeCloseTo(600, 0);
  });

  test('the next try by its workflow needs no confirmation', async () => {
    const delivery = await handedOver(60_000);
    const loaded = (await loadDelivery(pool, delivery.id))!;
    expect(loaded).toMatchObject({ attempts: 1, status: 'retrying' });
    expect(loaded.waitMs).toBeGreaterThan(50_000);
    await recordAttempts(pool, { attempts: [result(loaded, failed(120_000))], handOver: false });
    expect(await row(delivery.id)).toMatchObject({ attempts: 2, claimed_until: null });
  });

  test('a delivery that is not pending is never claimed for a first try', async () => {
    const delivery = await handedOver(0);
    await expireLease(delivery.id);
    await expect(claim()).resolves.toEqual([]);
  });
});

describe('a resend', () => {
  async function delivered() {
    await pending(1);
    const [delivery] = await claim();
    await recordAttempts(pool, { attempts: [result(delivery!)], handOver: true });
    return delivery!;
  }

  test('is a new delivery of the same event, at once its workflow’s', async () => {
    const delivery = await delivered();
    const id = await insertResend(pool, { merchantId: merchant, of: delivery.id });
    expect(await claimRetries(pool, 10)).toMatchObject([
      { id, eventId: delivery.eventId, endpointId: delivery.endpointId, isResend: true, waitMs: 0 },
    ]);
    expect(await loadDelivery(pool, id!)).toMatchObject({ attempts: 0, waitMs: 0 });
  });

  test('takes the id of a row of the log as well, any number of times', async () => {
    await delivered();
    const { rows } = await pool.query('select id from delivery_attempts');
    const first = await insertResend(pool, { merchantId: merchant, of: rows[0].id });
    const second = await insertResend(pool, { merchantId: merchant, of: rows[0].id });
    expect(first).not.toBe(second);
    expect(first).not.toBeNull();
  });

  test('not of a stranger’s, an unknown, or to an endpoint that is switched off', async () => {
    const delivery = await delivered();
    const stranger = await insertMerchant(pool);
    await expect(insertResend(pool, { merchantId: stranger, of: delivery.id })).resolves.toBeNull();
    await expect(insertResend(pool, { merchantId: merchant, of: stranger })).resolves.toBeNull();
    await pool.query('update webhook_endpoints set is_active = false');
    await expect(insertResend(pool, { merchantId: merchant, of: delivery.id })).resolves.toBeNull();
  });
});

describe('the log', () => {
  test('newest first, page by page, each row once, nothing of strangers', async () => {
    await pending(7);
    const claimed = await claim();
    // One moment for all: the id decides.
    const at = new Date('2026-11-24T07:13:00.123Z');
    await recordAttempts(pool, { attempts: claimed.map((each) => result(each, { at })), handOver: true });
    const all = await listAttempts(pool, { merchantId: merchant, limit: 50, startingAfter: null });
    expect(all.map((each) => each.event_id)).toEqual(claimed.map((each) => each.eventId).toReversed());
    const pages = [];
    let cursor: string | null = null;
    for (;;) {
      const page = await listAttempts(pool, { merchantId: merchant, limit: 3, startingAfter: cursor });
      if (page.length === 0) break;
      pages.push(page);
      cursor = page.at(-1)!.id;
    }
    expect(pages.map((page) => page.length)).toEqual([3, 3, 1]);
    expect(pages.flat()).toEqual(all);
    const stranger = await insertMerchant(pool);
    await expect(
      listAttempts(pool, { merchantId: stranger, limit: 50, startingAfter: null }),
    ).resolves.toEqual([]);
    for (const unknown of [stranger, all[0]!.delivery_id]) {
      await expect(
        listAttempts(pool, { merchantId: merchant, limit: 50, startingAfter: unknown }),
      ).rejects.toMatchObject({ reason: 'invalid_cursor', field: 'starting_after' });
    }
    await expect(
      listAttempts(pool, { merchantId: stranger, limit: 50, startingAfter: all[0]!.id }),
    ).rejects.toMatchObject({ reason: 'invalid_cursor' });
  });

  test('has the fields of the API', async () => {
    await pending(1);
    const [delivery] = await claim();
    await recordAttempts(pool, { attempts: [result(delivery!, failed(5_000))], handOver: true });
    const [logged] = await listAttempts(pool, { merchantId: merchant, limit: 50, startingAfter: null });
    expect(logged).toEqual({
      id: expect.any(String),
      delivery_id: delivery!.id,
      event_id: delivery!.eventId,
      event_type: 'payment.captured',
      target_url: URL_OF_SHOP,
      attempt: 1,
      success: false,
      response_status: 503,
      duration_ms: 12,
      next_attempt_at: expect.stringMatching(ISO),
      created_at: expect.stringMatching(ISO),
    });
  });
});

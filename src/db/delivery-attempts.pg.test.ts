import {
  attemptAt,
  createDeliveryTables,
  failed,
  secondsUntil,
  URL_OF_SHOP,
  type DeliveryTables,
} from '../testing/delivery-tables.ts';
import { insertMerchant } from '../testing/webhook-rows.ts';
import { listAttempts, recordAttempts } from './delivery-attempts.ts';

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

let tables: DeliveryTables;
beforeAll(async () => {
  tables = await createDeliveryTables();
});
beforeEach(() => tables.reset());
afterAll(() => tables.close());

describe('recording', () => {
  test('taken → delivered, with its row in the log', async () => {
    await tables.pending(1);
    const [delivery] = await tables.claim();
    const changed = await recordAttempts(tables.pool, { attempts: [attemptAt(delivery!)], handOver: true });
    expect([...changed]).toEqual([delivery!.id]);
    expect(await tables.row(delivery!.id)).toMatchObject({
      status: 'delivered',
      attempts: 1,
      claimed_until: null,
      next_attempt_at: null,
      finished_at: expect.stringMatching(ISO),
    });
    const { rows } = await tables.pool.query('select * from delivery_attempts');
    expect(rows).toHaveLength(1);
    expect(rows[0]).toMatchObject({
      delivery_id: delivery!.id,
      merchant_id: tables.merchant(),
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
    await tables.pending(3);
    const [one, two, three] = await tables.claim();
    const attempts = [attemptAt(one!), attemptAt(two!, failed(60_000)), attemptAt(three!, failed(null))];
    await recordAttempts(tables.pool, { attempts, handOver: true });
    expect((await tables.row(one!.id)).status).toBe('delivered');
    const retrying = await tables.row(two!.id);
    expect(retrying).toMatchObject({ status: 'retrying', attempts: 1, finished_at: null });
    expect(secondsUntil(retrying.next_attempt_at)).toBeCloseTo(60, 0);
    expect(secondsUntil(retrying.claimed_until)).toBeCloseTo(30, 0);
    expect(await tables.row(three!.id)).toMatchObject({
      status: 'failed',
      finished_at: expect.stringMatching(ISO),
    });
    const { rows } = await tables.pool.query(
      'select success, next_attempt_at from delivery_attempts order by id',
    );
    expect(rows.map((each) => each.success)).toEqual([true, false, false]);
    expect(rows[1].next_attempt_at).toEqual(retrying.next_attempt_at);
  });

  test('the same try twice → the first result stands and is the only one in the log', async () => {
    await tables.pending(1);
    const [delivery] = await tables.claim();
    await recordAttempts(tables.pool, { attempts: [attemptAt(delivery!)], handOver: true });
    const late = await recordAttempts(tables.pool, {
      attempts: [attemptAt(delivery!, failed())],
      handOver: true,
    });
    expect(late.size).toBe(0);
    expect((await tables.row(delivery!.id)).status).toBe('delivered');
    expect((await tables.pool.query('select 1 from delivery_attempts')).rows).toHaveLength(1);
  });

  test('a try that somebody else has already recorded as failed changes nothing', async () => {
    await tables.pending(1);
    const [delivery] = await tables.claim();
    await recordAttempts(tables.pool, { attempts: [attemptAt(delivery!, failed())], handOver: true });
    const late = await recordAttempts(tables.pool, { attempts: [attemptAt(delivery!)], handOver: true });
    expect(late.size).toBe(0);
    expect(await tables.row(delivery!.id)).toMatchObject({ status: 'retrying', attempts: 1 });
  });

  test('410 switches the endpoint off, with the reason', async () => {
    const { endpoint } = await tables.pending(1);
    const [delivery] = await tables.claim();
    const gone = { ...failed(null), status: 410, gone: true };
    await recordAttempts(tables.pool, { attempts: [attemptAt(delivery!, gone)], handOver: true });
    const { rows } = await tables.pool.query('select * from webhook_endpoints where id = $1', [endpoint]);
    expect(rows[0]).toMatchObject({ is_active: false, disabled_reason: expect.stringContaining('410') });
    expect((await tables.row(delivery!.id)).status).toBe('failed');
  });

  test('410 from an address that has been replaced meanwhile switches nothing off', async () => {
    const { endpoint } = await tables.pending(1);
    const [delivery] = await tables.claim();
    await tables.pool.query(`update webhook_endpoints set url = 'https://new.example/' where id = $1`, [
      endpoint,
    ]);
    const gone = { ...failed(null), status: 410, gone: true };
    await recordAttempts(tables.pool, { attempts: [attemptAt(delivery!, gone)], handOver: true });
    const { rows } = await tables.pool.query('select is_active from webhook_endpoints where id = $1', [
      endpoint,
    ]);
    expect(rows[0].is_active).toBe(true);
  });
});

describe('the log', () => {
  test('newest first, page by page, each row once, nothing of strangers', async () => {
    await tables.pending(7);
    const claimed = await tables.claim();
    // One moment for all: the id decides.
    const at = new Date('2026-11-24T07:13:00.123Z');
    await recordAttempts(tables.pool, {
      attempts: claimed.map((each) => attemptAt(each, { at })),
      handOver: true,
    });
    const all = await listAttempts(tables.pool, {
      merchantId: tables.merchant(),
      limit: 50,
      startingAfter: null,
    });
    expect(all.map((each) => each.event_id)).toEqual(claimed.map((each) => each.eventId).toReversed());
    const pages = [];
    let cursor: string | null = null;
    for (;;) {
      const page = await listAttempts(tables.pool, {
        merchantId: tables.merchant(),
        limit: 3,
        startingAfter: cursor,
      });
      if (page.length === 0) break;
      pages.push(page);
      cursor = page.at(-1)!.id;
    }
    expect(pages.map((page) => page.length)).toEqual([3, 3, 1]);
    expect(pages.flat()).toEqual(all);
    const stranger = await insertMerchant(tables.pool);
    await expect(
      listAttempts(tables.pool, { merchantId: stranger, limit: 50, startingAfter: null }),
    ).resolves.toEqual([]);
    for (const unknown of [stranger, all[0]!.delivery_id]) {
      await expect(
        listAttempts(tables.pool, { merchantId: tables.merchant(), limit: 50, startingAfter: unknown }),
      ).rejects.toMatchObject({ reason: 'invalid_cursor', field: 'starting_after' });
    }
    await expect(
      listAttempts(tables.pool, { merchantId: stranger, limit: 50, startingAfter: all[0]!.id }),
    ).rejects.toMatchObject({ reason: 'invalid_cursor' });
  });

  test('has the fields of the API', async () => {
    await tables.pending(1);
    const [delivery] = await tables.claim();
    await recordAttempts(tables.pool, { attempts: [attemptAt(delivery!, failed(5_000))], handOver: true });
    const [logged] = await listAttempts(tables.pool, {
      merchantId: tables.merchant(),
      limit: 50,
      startingAfter: null,
    });
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

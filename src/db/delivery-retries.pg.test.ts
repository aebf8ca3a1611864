import {
  attemptAt,
  createDeliveryTables,
  failed,
  secondsUntil,
  URL_OF_SHOP,
  type DeliveryTables,
} from '../testing/delivery-tables.ts';
import { insertMerchant } from '../testing/webhook-rows.ts';
import { loadDelivery } from './deliveries.ts';
import { recordAttempts } from './delivery-attempts.ts';
import { claimRetries, confirmRetries, insertResend } from './delivery-retries.ts';

let tables: DeliveryTables;
beforeAll(async () => {
  tables = await createDeliveryTables();
});
beforeEach(() => tables.reset());
afterAll(() => tables.close());

describe('retries', () => {
  async function handedOver(delayMs: number) {
    await tables.pending(1);
    const [delivery] = await tables.claim();
    await recordAttempts(tables.pool, { attempts: [attemptAt(delivery!, failed(delayMs))], handOver: true });
    return delivery!;
  }
  const expireLease = (id: string) =>
    tables.pool.query(`update deliveries set claimed_until = now() - interval '1 ms' where id = $1`, [id]);

  test('a start that was never confirmed is found when the lease has run out, once', async () => {
    const delivery = await handedOver(60_000);
    await expect(claimRetries(tables.pool, 10)).resolves.toEqual([]);
    await expireLease(delivery.id);
    const [lost] = await claimRetries(tables.pool, 10);
    expect(lost).toMatchObject({
      id: delivery.id,
      eventId: delivery.eventId,
      eventType: 'payment.captured',
      endpointId: delivery.endpointId,
      isResend: false,
      url: URL_OF_SHOP,
    });
    expect(lost!.waitMs).toBeGreaterThan(50_000);
    await expect(claimRetries(tables.pool, 10)).resolves.toEqual([]);
  });

  test('a confirmed one is left alone until it is long overdue', async () => {
    const delivery = await handedOver(60_000);
    await confirmRetries(tables.pool, [delivery.id]);
    expect((await tables.row(delivery.id)).claimed_until).toBeNull();
    await expect(claimRetries(tables.pool, 10)).resolves.toEqual([]);
    await tables.pool.query(
      `update deliveries set next_attempt_at = now() - interval '9 min' where id = $1`,
      [delivery.id],
    );
    await expect(claimRetries(tables.pool, 10)).resolves.toEqual([]);
    await tables.pool.query(
      `update deliveries set next_attempt_at = now() - interval '11 min' where id = $1`,
      [delivery.id],
    );
    expect(await claimRetries(tables.pool, 10)).toMatchObject([{ id: delivery.id, waitMs: 0 }]);
    // Its workflow is there: looked at again in ten minutes, not at once.
    await confirmRetries(tables.pool, [delivery.id]);
    expect(secondsUntil((await tables.row(delivery.id)).claimed_until)).toBeCloseTo(600, 0);
  });

  test('the next try by its workflow needs no confirmation', async () => {
    const delivery = await handedOver(60_000);
    const loaded = (await loadDelivery(tables.pool, delivery.id))!;
    expect(loaded).toMatchObject({ attempts: 1, status: 'retrying' });
    expect(loaded.waitMs).toBeGreaterThan(50_000);
    await recordAttempts(tables.pool, { attempts: [attemptAt(loaded, failed(120_000))], handOver: false });
    expect(await tables.row(delivery.id)).toMatchObject({ attempts: 2, claimed_until: null });
  });

  test('a delivery that is not pending is never claimed for a first try', async () => {
    const delivery = await handedOver(0);
    await expireLease(delivery.id);
    await expect(tables.claim()).resolves.toEqual([]);
  });
});

describe('a resend', () => {
  async function delivered() {
    await tables.pending(1);
    const [delivery] = await tables.claim();
    await recordAttempts(tables.pool, { attempts: [attemptAt(delivery!)], handOver: true });
    return delivery!;
  }

  const resend = (of: string, merchantId = tables.merchant()) =>
    tables.knex.transaction((trx) => insertResend(trx, { merchantId, of }));

  test('is a new delivery of the same event, at once its workflow’s', async () => {
    const delivery = await delivered();
    const { eventId, endpointId } = delivery;
    const made = await resend(delivery.id);
    expect(made).toMatchObject({ eventId, endpointId, eventType: 'payment.captured', url: URL_OF_SHOP });
    expect(await claimRetries(tables.pool, 10)).toMatchObject([
      { id: made.id, eventId, endpointId, isResend: true, waitMs: 0 },
    ]);
    expect(await loadDelivery(tables.pool, made.id)).toMatchObject({ attempts: 0, waitMs: 0 });
  });

  test('takes the id of a row of the log as well, any number of times', async () => {
    await delivered();
    const { rows } = await tables.pool.query('select id from delivery_attempts');
    const first = await resend(rows[0].id);
    const second = await resend(rows[0].id);
    expect(first.id).not.toBe(second.id);
    expect(first.eventId).toBe(second.eventId);
  });

  test('not of a stranger’s, an unknown, or to an endpoint that is switched off', async () => {
    const delivery = await delivered();
    const stranger = await insertMerchant(tables.pool);
    const absent = { reason: 'delivery_not_found' };
    await expect(resend(delivery.id, stranger)).rejects.toMatchObject(absent);
    await expect(resend(stranger)).rejects.toMatchObject(absent);
    await tables.pool.query('update webhook_endpoints set is_active = false');
    await expect(resend(delivery.id)).rejects.toMatchObject({ reason: 'webhook_inactive' });
  });
});

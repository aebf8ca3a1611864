import { claimPending, type DueDelivery } from '../db/deliveries.ts';
import type { Attempt } from '../db/delivery-attempts.ts';
import { createDeliveries } from '../db/outbox.ts';
import { createKnex, createPool } from '../db/pool.ts';
import type { PublicEventType } from '../domain/events.ts';
import { createDatabase } from './database.ts';
import { insertEvents, insertMerchant, insertTestEndpoint } from './webhook-rows.ts';

export const URL_OF_SHOP = 'https://shop.example/hook';

/** Tables for tests of the statements about deliveries; `reset` before each test. */
export type DeliveryTables = Awaited<ReturnType<typeof createDeliveryTables>>;

export async function createDeliveryTables() {
  const database = await createDatabase();
  const pool = createPool({ url: database.url, max: 20, applicationName: 'test' });
  const knex = createKnex({ url: database.url, max: 5, applicationName: 'test' });
  let merchant = '';
  return {
    pool,
    knex,
    merchant: () => merchant,
    async reset() {
      await pool.query('truncate outbox, deliveries, delivery_attempts');
      await pool.query('update webhook_endpoints set is_active = false');
      merchant = await insertMerchant(pool);
    },
    /** From now on there is another merchant. */
    async nextMerchant() {
      merchant = await insertMerchant(pool);
    },
    claim: (limits: Partial<Parameters<typeof claimPending>[1]> = {}) =>
      claimPending(pool, { limit: 100, perEndpoint: 8, busy: new Map(), ...limits }),
    async row(id: string) {
      const { rows } = await pool.query('select * from deliveries where id = $1', [id]);
      return rows[0];
    },
    /** One endpoint with `count` pending deliveries. */
    async pending(count: number) {
      const endpoint = await insertTestEndpoint(pool, merchant, { url: URL_OF_SHOP });
      const types: PublicEventType[] = Array.from({ length: count }, () => 'payment.captured');
      const events = await insertEvents(pool, merchant, types);
      await createDeliveries(pool, 500);
      return { endpoint, events };
    },
    async close() {
      await Promise.all([pool.end(), knex.destroy()]);
      await database.drop();
    },
  };
}

export function attemptAt(delivery: DueDelivery, changes: Partial<Attempt> = {}): Attempt {
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

export function failed(delayMs: number | null = 5_000): Partial<Attempt> {
  const outcome = delayMs === null ? 'failed' : 'retrying';
  return { outcome, status: 503, error: 'HTTP 503', delayMs };
}

export function secondsUntil(time: string): number {
  return (Date.parse(time) - Date.now()) / 1_000;
}

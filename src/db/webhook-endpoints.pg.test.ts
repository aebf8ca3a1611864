import { setTimeout as sleep } from 'node:timers/promises';
import type { Knex } from 'knex';
import type pg from 'pg';
import { createDatabase, type TestDatabase } from '../testing/database.ts';
import { insertMerchant, insertTestEndpoint } from '../testing/webhook-rows.ts';
import { createKnex, createPool } from './pool.ts';
import {
  deleteEndpoint,
  ENDPOINTS_PER_MERCHANT_MAX,
  findEndpoint,
  insertEndpoint,
  listEndpoints,
  rotateEndpointSecret,
  updateEndpoint,
} from './webhook-endpoints.ts';

const NEW_ENDPOINT = { url: 'https://shop.example/hook', events: ['order.paid' as const] };

let database: TestDatabase;
let pool: pg.Pool;
let knex: Knex;
let merchantId: string;
let stranger: string;

beforeAll(async () => {
  database = await createDatabase();
  pool = createPool({ url: database.url, max: 5, applicationName: 'test' });
  knex = createKnex({ url: database.url, max: 10, applicationName: 'test' });
  stranger = await insertMerchant(pool);
});
beforeEach(async () => {
  merchantId = await insertMerchant(pool);
});
afterAll(async () => {
  await Promise.all([pool.end(), knex.destroy()]);
  await database.drop();
});

type Rotation = Parameters<typeof rotateEndpointSecret>[1];
const create = (of = merchantId) =>
  knex.transaction((trx) => insertEndpoint(trx, { merchantId: of, ...NEW_ENDPOINT }));
const rotate = (rotation: Rotation) => knex.transaction((trx) => rotateEndpointSecret(trx, rotation));
const hoursUntil = (time: string | null | undefined) => (Date.parse(time!) - Date.now()) / 3_600_000;

test('a new endpoint is active, has its first secret, and is its merchant’s alone', async () => {
  const endpoint = (await create())!;
  expect(endpoint).toMatchObject({
    ...NEW_ENDPOINT,
    isPrimary: false,
    isActive: true,
    disabledReason: null,
    secretVersion: 1,
    overlapUntil: null,
    createdAt: expect.any(String),
  });
  const { id } = endpoint;
  await expect(findEndpoint(pool, { merchantId, id })).resolves.toEqual(endpoint);
  await expect(listEndpoints(pool, merchantId)).resolves.toEqual([endpoint]);
  await expect(findEndpoint(pool, { merchantId: stranger, id })).resolves.toBeNull();
  await expect(updateEndpoint(pool, { merchantId: stranger, id }, { active: false })).resolves.toBeNull();
  await expect(deleteEndpoint(pool, { merchantId: stranger, id })).resolves.toBe(false);
  await expect(rotate({ merchantId: stranger, id, overlapHours: 1 })).resolves.toBeNull();
});

test('the primary endpoint shows once it has a URL', async () => {
  const id = await insertTestEndpoint(pool, merchantId, { url: null, primary: true });
  await expect(listEndpoints(pool, merchantId)).resolves.toEqual([]);
  await pool.query(`update webhook_endpoints set url = 'https://a.example/' where id = $1`, [id]);
  expect(await listEndpoints(pool, merchantId)).toMatchObject([{ id, isPrimary: true }]);
});

test('there is a most', async () => {
  for (let i = 0; i < ENDPOINTS_PER_MERCHANT_MAX; i++) {
    expect(await create()).not.toBeNull();
  }
  await expect(create()).resolves.toBeNull();
  const [first] = await listEndpoints(pool, merchantId);
  await deleteEndpoint(pool, { merchantId, id: first!.id });
  expect(await create()).not.toBeNull();
});

test('twins that race for the last place get one endpoint between them', async () => {
  for (let i = 1; i < ENDPOINTS_PER_MERCHANT_MAX; i++) await create();
  let second: ReturnType<typeof create> | undefined;
  const first = await knex.transaction(async (trx) => {
    const made = await insertEndpoint(trx, { merchantId, ...NEW_ENDPOINT });
    second = create();
    // Long enough to have counted, if it did not wait for us.
    await sleep(500);
    return made;
  });
  expect(first).not.toBeNull();
  expect(await second).toBeNull();
});

test('changes only what is given; active: true clears why it was off', async () => {
  const { id } = (await create())!;
  await pool.query(`update webhook_endpoints set is_active = false, disabled_reason = '410' where id = $1`, [
    id,
  ]);
  const url = 'https://other.example/';
  expect(await updateEndpoint(pool, { merchantId, id }, { url })).toMatchObject({
    url,
    events: NEW_ENDPOINT.events,
    isActive: false,
    disabledReason: '410',
  });
  expect(await updateEndpoint(pool, { merchantId, id }, { active: true })).toMatchObject({
    url,
    isActive: true,
    disabledReason: null,
  });
  expect(
    await updateEndpoint(pool, { merchantId, id }, { events: ['payment.failed'], active: false }),
  ).toMatchObject({
    events: ['payment.failed'],
    isActive: false,
  });
});

test('a deleted one is gone for its merchant; the primary one only loses its URL', async () => {
  const { id } = (await create())!;
  const primary = await insertTestEndpoint(pool, merchantId, { url: 'https://a.example/', primary: true });
  await expect(deleteEndpoint(pool, { merchantId, id })).resolves.toBe(true);
  await expect(deleteEndpoint(pool, { merchantId, id: primary })).resolves.toBe(true);
  await expect(listEndpoints(pool, merchantId)).resolves.toEqual([]);
  // Asked for again, the answer is the same.
  await expect(deleteEndpoint(pool, { merchantId, id })).resolves.toBe(true);
  await expect(deleteEndpoint(pool, { merchantId, id: stranger })).resolves.toBe(false);
  await expect(updateEndpoint(pool, { merchantId, id }, { active: true })).resolves.toBeNull();
  const { rows } = await pool.query(
    'select id, is_active, url from webhook_endpoints where merchant_id = $1',
    [merchantId],
  );
  expect(rows).toContainEqual({ id, is_active: false, url: NEW_ENDPOINT.url });
  expect(rows).toContainEqual({ id: primary, is_active: true, url: null });
});

test('a rotated secret overlaps for as long as was asked for, or not at all', async () => {
  const { id } = (await create())!;
  const rotated = await rotate({ merchantId, id, overlapHours: 24 });
  expect(rotated).toMatchObject({ secretVersion: 2 });
  expect(hoursUntil(rotated?.overlapUntil)).toBeCloseTo(24, 1);
  expect(await rotate({ merchantId, id, overlapHours: 0 })).toMatchObject({
    secretVersion: 3,
    overlapUntil: null,
  });
});

test('while the secret before signs, only a switch at once is allowed; twins make one new secret', async () => {
  const { id } = (await create())!;
  const twins = await Promise.allSettled(
    Array.from({ length: 5 }, () => rotate({ merchantId, id, overlapHours: 1 })),
  );
  const refused = twins.flatMap((each) => (each.status === 'rejected' ? [each.reason as unknown] : []));
  expect(refused).toHaveLength(4);
  for (const error of refused) {
    expect(error).toMatchObject({ reason: 'rotation_in_progress', field: 'overlap_hours' });
  }
  expect(await findEndpoint(pool, { merchantId, id })).toMatchObject({ secretVersion: 2 });
  await pool.query('update webhook_endpoints set overlap_until = now() where id = $1', [id]);
  expect(await rotate({ merchantId, id, overlapHours: 1 })).toMatchObject({ secretVersion: 3 });
});

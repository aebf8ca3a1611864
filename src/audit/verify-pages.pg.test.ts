import type pg from 'pg';
import { createPool } from '../db/pool.ts';
import { createDatabase, type TestDatabase } from '../testing/database.ts';
import { createMerchant, createOrder } from '../testing/factories.ts';
import type { Difference } from './difference.ts';
import { verify, type Audited } from './verify.ts';

const ORDERS_PER_READ = 3;

let database: TestDatabase;
let pool: pg.Pool;
let merchantId: string;
beforeEach(async () => {
  database = await createDatabase();
  pool = createPool({ url: database.url, max: 2, applicationName: 'pages' });
  merchantId = await createMerchant(pool);
});
afterEach(async () => {
  await pool.end();
  await database.drop();
});

/** The refs of so many orders, as the audit walks them. */
async function orders(count: number): Promise<string[]> {
  for (let made = 0; made < count; made++) await createOrder(pool, merchantId);
  const { rows } = await pool.query<{ order_ref: string }>('select order_ref from orders order by order_ref');
  return rows.map(({ order_ref }) => order_ref);
}

async function audit(from: pg.Pool = pool) {
  const differences: Difference[] = [];
  const steps: Audited[] = [];
  const audited = await verify(
    {
      pool: from,
      now: Date.now,
      secondLookMs: 0,
      ordersPerRead: ORDERS_PER_READ,
      async *readJournal() {},
    },
    {
      since: null,
      report: (difference) => differences.push(difference),
      progress: (step) => steps.push(step),
    },
  );
  const reads = [...new Set(steps.map((step) => step.orders))].filter((count) => count > 0);
  return { audited, reads, refs: differences.map(({ ref }) => ref) };
}

test.each<[string, number, number[]]>([
  ['none', 0, []],
  ['one', 1, [1]],
  ['one less than a read', 2, [2]],
  ['a read', 3, [3]],
  ['one more than a read', 4, [3, 4]],
  ['two reads', 6, [3, 6]],
  ['one more than two reads', 7, [3, 6, 7]],
])('%s: %d orders → each looked at once, in reads up to %j', async (_, count, reads) => {
  await orders(count);
  const result = await audit();
  expect(result.audited).toMatchObject({ orders: count, differences: 0 });
  expect(result.reads).toEqual(reads);
});

test('faults on the first and last order of every read → each of them named once, in order', async () => {
  const refs = await orders(7);
  const edges = [refs[0]!, refs[2]!, refs[3]!, refs[5]!, refs[6]!];
  await pool.query('update orders set attempts = 7 where order_ref = any ($1)', [edges]);
  const result = await audit();
  expect(result.refs).toEqual(edges);
  expect(result.audited).toMatchObject({ orders: 7, differences: 5 });
});

test('a fault in every order of three reads → none of them twice', async () => {
  const refs = await orders(9);
  await pool.query('update orders set attempts = 7');
  expect((await audit()).refs).toEqual(refs);
});

describe("a merchant's numbers", () => {
  /** Public events with these numbers, and a counter that stands there. */
  async function numbers(merchant: string, { sequences, counter }: { sequences: number[]; counter: number }) {
    const ref = (await createOrder(pool, merchant)).order_ref;
    await pool.query('alter table events disable trigger all');
    await pool.query(
      `insert into events (id, order_ref, order_seq, after_seq, merchant_id, type, data, at, payload, sequence)
        select $1 || n, $1, 10 + n, 0, $2, 'order.paid', '{}', now(), '{}', n from unnest($3::int[]) n`,
      [ref, merchant, sequences],
    );
    await pool.query('insert into merchant_sequences values ($1, $2)', [merchant, counter]);
  }

  test.each([
    ['without a gap', [1, 2, 3], 3, 0],
    ['without any', [], 0, 0],
    ['with one missing', [1, 3], 3, 1],
    ['with one missing, and one too many at the end', [1, 3, 4], 3, 2],
    ['that begin at 2', [2, 3, 4], 3, 2],
    ['that begin at 0', [0, 2], 2, 1],
    ['of which the last is gone', [1, 2], 3, 1],
    ['of which none is left', [], 3, 1],
  ])('%s: %j up to %d → %d differences', async (_, sequences, counter, gaps) => {
    await numbers(merchantId, { sequences, counter });
    const { refs } = await audit();
    const ofMerchant = refs.filter((ref) => ref === `merchant ${merchantId}`);
    expect(ofMerchant).toHaveLength(gaps);
  });
});

test('as many statements for 20 merchants as for one, and for 2 orders of a read as for one', async () => {
  const once = await statements(1);
  expect(once).toBeGreaterThan(0);
  for (let more = 0; more < 19; more++) await createMerchant(pool);
  expect(await statements(1)).toBe(once);
});

/** How many an audit takes after so many more orders. */
async function statements(more: number): Promise<number> {
  await orders(more);
  const counted = createPool({ url: database.url, max: 1, applicationName: 'counted' });
  let count = 0;
  counted.on('connect', (client) => {
    const query = client.query.bind(client) as (...args: unknown[]) => unknown;
    Object.assign(client, {
      query: (...args: unknown[]) => {
        count += 1;
        return query(...args);
      },
    });
  });
  await audit(counted);
  await counted.end();
  return count;
}

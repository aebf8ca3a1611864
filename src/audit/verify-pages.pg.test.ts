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

async function audit() {
  const differences: Difference[] = [];
  const steps: Audited[] = [];
  const audited = await verify(
    {
      pool,
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

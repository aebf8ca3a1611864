import type pg from 'pg';
import { uuidv7 } from 'uuidv7';
import { createPool } from '../src/db/pool.ts';
import { PHASES, TRANSITIONS, type Phase } from '../src/domain/payment.ts';
import type { OrderRow } from '../src/domain/projection.ts';
import { PHASE_REACH } from '../src/domain/test-checks.ts';
import { createDatabase, type TestDatabase } from '../src/testing/database.ts';
import { createMerchant, createOrder, ref } from '../src/testing/factories.ts';

let database: TestDatabase;
let pool: pg.Pool;
let merchantId: string;
let order: OrderRow;

beforeAll(async () => {
  database = await createDatabase();
  pool = createPool({ url: database.url, max: 4, applicationName: 'guards' });
  merchantId = await createMerchant(pool);
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});
beforeEach(async () => {
  order = await createOrder(pool, merchantId);
});

const APPEND_ONLY = /is append-only/;
const CHECK = { code: '23514' };
const UNIQUE = { code: '23505' };

/** A payment's row as `record` would insert it. */
async function insertPayment(
  phase: Phase,
  change: { amount?: number; amountCaptured?: number } = {},
): Promise<string> {
  const isTaken = phase === 'captured' || phase === 'refunded';
  const isEnded = phase === 'voided' || phase === 'failed';
  const { amount = 49_900, amountCaptured = isTaken ? amount : 0 } = change;
  const paymentRef = ref('pf_pay_');
  const keys = [uuidv7(), paymentRef, order.order_ref, order.id, merchantId, uuidv7()];
  await pool.query(
    `insert into payments (id, payment_ref, order_ref, order_id, merchant_id, command_id, amount, currency, method,
       phase, status, amount_captured, amount_refunded, flags, error_reason, created_at)
     values ($1, $2, $3, $4, $5, $6, $7, 'INR', 'upi', $8, 'created', $9, 0, '{}', $10, $11)`,
    [...keys, amount, phase, amountCaptured, isEnded ? 'payment_declined' : null, order.created_at],
  );
  return paymentRef;
}

async function move(paymentRef: string, phase: Phase): Promise<void> {
  await pool.query(
    `update payments set phase = $2,
       amount_captured = case when $2 in ('captured', 'refunded') then amount else 0 end,
       error_reason = case when $2 in ('voided', 'failed') then 'payment_declined' end
     where payment_ref = $1`,
    [paymentRef, phase],
  );
}

type Entry = readonly [account: string, amount: number, currency?: string];

async function book(entries: readonly Entry[], seq = 2): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    for (const [index, [account, amount, currency = 'INR']] of entries.entries()) {
      await client.query(
        `insert into ledger_entries (order_ref, order_seq, line, merchant_id, account, amount, currency, at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)`,
        [order.order_ref, seq, index + 1, merchantId, account, amount, currency, order.created_at],
      );
    }
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    throw error;
  } finally {
    client.release();
  }
}

describe.each(['events', 'event_batches', 'ledger_entries'])('%s can only grow', (table) => {
  beforeEach(() =>
    book([
      ['bank', 100],
      ['merchant', -100],
    ]),
  );

  test.each([
    ['changed', `update ${table} set order_ref = order_ref`],
    ['deleted', `delete from ${table}`],
    ['emptied', `truncate ${table} cascade`],
  ])('a row cannot be %s', async (_, statement) => {
    const count = `select count(*)::int as rows from ${table}`;
    const before = await pool.query<{ rows: number }>(count);
    expect(before.rows[0]!.rows).toBeGreaterThan(0);
    await expect(pool.query(statement)).rejects.toThrow(APPEND_ONLY);
    expect((await pool.query(count)).rows).toEqual(before.rows);
  });
});

describe('the ledger', () => {
  test('takes a pair that sums to zero, and looks only at the end of the transaction', async () => {
    await book([
      ['bank', 49_900],
      ['merchant', -49_900],
    ]);
    await book(
      [
        ['bank', 1],
        ['bank', 2],
        ['merchant', -3],
      ],
      3,
    );
  });

  test.each<[string, Entry[]]>([
    ['one side alone', [['bank', 49_900]]],
    [
      'a pair that is off by one',
      [
        ['bank', 49_900],
        ['merchant', -49_899],
      ],
    ],
    [
      'a pair in two currencies',
      [
        ['bank', 49_900],
        ['merchant', -49_900, 'USD'],
      ],
    ],
    ['a line of nothing', [['bank', 0]]],
    [
      'an account that we do not keep',
      [
        ['payer', 1],
        ['bank', -1],
      ],
    ],
  ])('refuses %s', async (_, entries) => {
    await expect(book(entries)).rejects.toMatchObject(CHECK);
    const { rows } = await pool.query('select 1 from ledger_entries where order_ref = $1', [order.order_ref]);
    expect(rows).toEqual([]);
  });

  test('refuses a line that unbalances what stood before', async () => {
    await book([
      ['bank', 100],
      ['merchant', -100],
    ]);
    const late = pool.query(
      `insert into ledger_entries select order_ref, order_seq, 3, merchant_id, account, 1, currency, at
       from ledger_entries where order_ref = $1 and line = 1`,
      [order.order_ref],
    );
    await expect(late).rejects.toMatchObject(CHECK);
  });
});

describe('captures', () => {
  test('an order has one captured payment: a second one is refused, however it gets there', async () => {
    const first = await insertPayment('captured');
    await expect(insertPayment('captured')).rejects.toMatchObject(UNIQUE);
    const second = await insertPayment('authorized');
    await expect(move(second, 'captured')).rejects.toMatchObject(UNIQUE);
    await move(first, 'refunded');
    await expect(move(second, 'captured')).rejects.toMatchObject(UNIQUE);
  });

  test('an order may have any number of payments that failed or were released', async () => {
    for (const phase of ['failed', 'failed', 'voided', 'captured'] as const) await insertPayment(phase);
  });

  test.each<[string, Phase, { amount?: number; amountCaptured?: number }]>([
    ['more than was authorized', 'captured', { amountCaptured: 49_901 }],
    ['nothing in a captured payment', 'captured', { amountCaptured: 0 }],
    ['something in a payment that is not captured', 'authorized', { amountCaptured: 1 }],
    ['of nothing', 'unknown', { amount: 0 }],
  ])('captured %s is refused', async (_, phase, change) => {
    await expect(insertPayment(phase, change)).rejects.toMatchObject(CHECK);
  });

  test.each([
    ['a payment refunded above its capture', `update payments set amount_refunded = amount_captured + 1`],
    ['a payment that ended without a reason', `update payments set error_reason = null, phase = 'failed'`],
  ])('%s is refused', async (_, update) => {
    const paymentRef = await insertPayment(update.includes('failed') ? 'unknown' : 'captured');
    await expect(pool.query(`${update} where payment_ref = $1`, [paymentRef])).rejects.toMatchObject(CHECK);
  });

  test.each([
    ['refunded above what is reserved', 'amount_paid = 10, amount_reserved = 5, amount_refunded = 6'],
    ['reserved above what was paid', 'amount_paid = 10, amount_reserved = 11'],
    ['paid above its amount', 'amount_paid = amount + 1'],
    ['paid without a captured payment', "status = 'paid'"],
    ['without a captured payment but with an amount paid', 'amount_paid = 1, captured_payment_ref = null'],
  ])('an order %s is refused', async (_, change) => {
    const captured =
      change.includes('captured_payment_ref') || change.includes('status')
        ? ''
        : ", captured_payment_ref = 'p'";
    const update = pool.query(`update orders set ${change}${captured} where order_ref = $1`, [
      order.order_ref,
    ]);
    await expect(update).rejects.toMatchObject(CHECK);
  });
});

/** From every phase that is stored to wherever one or more events lead. */
function closure(): Map<Phase, Set<Phase>> {
  const reach = new Map(PHASES.map((phase) => [phase, new Set<Phase>(Object.values(TRANSITIONS[phase]))]));
  for (const via of PHASES) {
    for (const targets of reach.values()) {
      if (targets.has(via)) for (const target of reach.get(via)!) targets.add(target);
    }
  }
  return reach;
}

function legalPairs(): string[] {
  return [...closure()]
    .filter(([from]) => from !== 'submitted')
    .flatMap(([from, targets]) => [...targets].filter((to) => to !== from).map((to) => `${from} → ${to}`))
    .toSorted();
}

describe('phases', () => {
  test('payment_phase_reach is what the transitions of the domain lead to, in any number of steps', async () => {
    const { rows } = await pool.query<{ pair: string }>(
      `select from_phase || ' → ' || to_phase as pair from payment_phase_reach`,
    );
    expect(rows.map(({ pair }) => pair).toSorted()).toEqual(legalPairs());
  });

  test("the domain's own copy of it is the same", () => {
    const copied = Object.entries(PHASE_REACH).flatMap(([from, all]) =>
      all.split(',').map((to) => `${from} → ${to}`),
    );
    expect(copied.toSorted()).toEqual(legalPairs());
  });

  const stored = PHASES.filter((phase) => phase !== 'submitted');
  test.each(stored)('a payment in %s goes where it may and nowhere else', async (from) => {
    const legal = new Set(legalPairs());
    for (const to of PHASES) {
      order = await createOrder(pool, merchantId);
      const paymentRef = await insertPayment(from);
      const isLegal = from === to || legal.has(`${from} → ${to}`);
      const moved = move(paymentRef, to);
      if (isLegal) await moved;
      else
        await expect(moved).rejects.toMatchObject({
          ...CHECK,
          message: expect.stringContaining('cannot go from'),
        });
    }
  });
});

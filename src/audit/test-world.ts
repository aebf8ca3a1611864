import type pg from 'pg';
import { claimPending } from '../db/deliveries.ts';
import { recordAttempts } from '../db/delivery-attempts.ts';
import { createDeliveries } from '../db/outbox.ts';
import { startLab, type Lab } from '../testing/lab.ts';
import { SCENARIOS } from '../testing/scenarios.ts';
import { attemptAt } from '../testing/delivery-tables.ts';
import { insertTestEndpoint } from '../testing/webhook-rows.ts';
import { createOrder } from '../testing/factories.ts';
import { createJournalReader } from './bank-journal.ts';
import type { ClientAnswer } from './client-log.ts';
import type { Difference } from './difference.ts';
import type { JournalEntry } from './order-records.ts';
import { readTold } from './test-told.ts';
import { verify } from './verify.ts';

/** `startLab` gives its bank this key. */
const BANK_API_KEY = 'bank-api-key';
const DELIVERIES_MAX = 500;
/** So much later than the payments does the audit look: everything has settled, nothing is overdue. */
const LATER_MS = 2 * 60_000;
const TEN_MINUTES_MS = 10 * 60_000;

/** What a fault does to the bank's journal, page by page. */
export type Journal = (entries: readonly JournalEntry[]) => readonly JournalEntry[];

/** What a fault does to the log of all that clients were told. */
export type ClientLog = (answers: readonly ClientAnswer[]) => readonly ClientAnswer[];

export interface Fault {
  readonly sql?: readonly [text: string, ...values: unknown[]];
  readonly journal?: Journal;
  readonly clientLog?: ClientLog;
}

/** Orders of all paths with their webhooks delivered, and a way to spoil them and have them as they were. */
export interface AuditWorld {
  readonly lab: Lab;
  /** Order refs by the scenario's name. */
  readonly orders: Readonly<Record<string, string>>;
  audit(): Promise<Difference[]>;
  /** One whose time was over ten minutes ago and which nobody ended; gone after the next fault. */
  orderWithoutEnd(): Promise<string>;
  /** Audits with one fault, and takes it back. */
  auditWith(fault: Fault): Promise<Difference[]>;
  close(): Promise<void>;
}

export async function createAuditWorld(): Promise<AuditWorld> {
  const lab = await startLab();
  await insertTestEndpoint(lab.pool, lab.merchantId, { url: 'https://all.shop.example/hook' });
  await insertTestEndpoint(lab.pool, lab.merchantId, {
    url: 'https://paid.shop.example/hook',
    events: ['order.paid'],
  });
  const orders: Record<string, string> = {};
  for (const [name, live] of Object.entries(SCENARIOS)) {
    const order = await live(lab);
    await lab.closed(order);
    orders[name] = order.orderRef;
  }
  await deliverAll(lab.pool);
  await keep(lab.pool);
  const told = await readTold(lab.pool);
  return {
    lab,
    orders,
    audit: () => auditNow(lab, told, {}),
    async orderWithoutEnd() {
      const expiresAt = Date.now() - TEN_MINUTES_MS;
      return (await createOrder(lab.pool, lab.merchantId, { expiresAt })).order_ref;
    },
    async auditWith(fault) {
      if (fault.sql !== undefined) await spoil(lab.pool, fault.sql);
      try {
        return await auditNow(lab, told, fault);
      } finally {
        await giveBack(lab.pool);
      }
    },
    close: () => lab.close(),
  };
}

async function deliverAll(pool: pg.Pool): Promise<void> {
  await createDeliveries(pool, DELIVERIES_MAX);
  const limits = { limit: DELIVERIES_MAX, perEndpoint: DELIVERIES_MAX, busy: new Map<string, number>() };
  const claimed = await claimPending(pool, limits);
  const attempts = claimed.map((delivery) => attemptAt(delivery));
  await recordAttempts(pool, { attempts, handOver: false });
}

async function auditNow(
  lab: Lab,
  told: readonly ClientAnswer[],
  { journal = (entries) => entries, clientLog = (answers) => answers }: Fault,
): Promise<Difference[]> {
  const differences: Difference[] = [];
  const read = createJournalReader({ url: lab.bank.url, apiKey: BANK_API_KEY });
  await verify(
    {
      pool: lab.pool,
      now: () => Date.now() + LATER_MS,
      secondLookMs: 0,
      async *readJournal(after) {
        for await (const entries of read(after)) yield journal(entries);
      },
      async *readClientLog() {
        yield await Promise.resolve(clientLog(told));
      },
    },
    { since: null, report: (difference) => differences.push(difference), progress: () => {} },
  );
  return differences;
}

const TABLES = [
  'orders',
  'payments',
  'refunds',
  'ledger_entries',
  'events',
  'event_batches',
  'merchant_sequences',
  'commands',
  'outbox',
  'deliveries',
  'delivery_attempts',
];

async function keep(pool: pg.Pool): Promise<void> {
  await pool.query('create schema kept');
  for (const table of TABLES) await pool.query(`create table kept.${table} as table public.${table}`);
}

async function giveBack(pool: pg.Pool): Promise<void> {
  const again = TABLES.map((table) => `delete from ${table}; insert into ${table} table kept.${table};`);
  await withoutGuards(pool, (client) => client.query(again.join('\n')));
}

async function spoil(pool: pg.Pool, [text, ...values]: NonNullable<Fault['sql']>): Promise<void> {
  const { rowCount } = await withoutGuards(pool, (client) => client.query(text, values));
  if (rowCount === 0) throw new Error(`nothing was planted by ${text}`);
}

/** As a superuser who switches triggers and foreign keys off: what the guards are there to prevent. */
async function withoutGuards<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    await client.query('set local session_replication_role = replica');
    const result = await work(client);
    await client.query('commit');
    return result;
  } finally {
    client.release(true);
  }
}

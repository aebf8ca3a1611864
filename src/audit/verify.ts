import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { ReadJournal } from './bank-journal.ts';
import type { ReadClientLog } from './client-log.ts';
import { createClientTable, insertAnswers, unknownAnswers } from './client-table.ts';
import { unknownCharge } from './compare-bank.ts';
import { unknownToldOrder } from './compare-client.ts';
import { compareOrder } from './compare-order.ts';
import type { Difference } from './difference.ts';
import { createJournalTable, insertJournal, lastJournalId, unknownJournal } from './journal-table.ts';
import { nextOrders, readOrders } from './read-orders.ts';
import { sequenceDifferences } from './read-sequences.ts';

export interface AuditDeps {
  readonly pool: pg.Pool;
  readonly readJournal: ReadJournal;
  /** What clients were told; left out: nothing is known of that. */
  readonly readClientLog?: ReadClientLog;
  /** Epoch ms. */
  readonly now: () => number;
  /** After how long an order with differences is looked at again before it is reported. */
  readonly secondLookMs?: number;
  readonly ordersPerRead?: number;
}

export interface AuditOptions {
  /** ISO 8601: leaves out orders that have not changed since and that nothing is open for; null: none. */
  readonly since: string | null;
  readonly report: (difference: Difference) => void;
  /** Told now and then how far it is. */
  readonly progress: (audited: Audited) => void;
}

export interface Audited {
  readonly bankEntries: number;
  /** In clients' logs. */
  readonly answers: number;
  readonly orders: number;
  readonly differences: number;
}

const ORDERS_PER_READ = 500;
const UNKNOWN_PER_READ = 1_000;
const SECOND_LOOKS = 2;
const SECOND_LOOK_MS = 1_000;

/**
 * Compares the bank's journal, the events, the tables and what clients were told with each other, batch
 * by batch, and reports what differs. Changes nothing. Payments may go on meanwhile: the bank and the tables cannot be read at
 * the same moment, so an order that seems to differ is read again, with what the bank has added, and
 * only what still differs is reported.
 */
export async function verify(deps: AuditDeps, options: AuditOptions): Promise<Audited> {
  const client = await deps.pool.connect();
  try {
    // Reads of this length are for no request that waits.
    await client.query('set statement_timeout = 0');
    await createJournalTable(client);
    await createClientTable(client);
    return await walk({ ...deps, client }, options);
  } finally {
    // With the connection goes the temporary table.
    client.release(true);
  }
}

type Walk = AuditDeps & { readonly client: pg.ClientBase };

async function walk(deps: Walk, { since, report, progress }: AuditOptions): Promise<Audited> {
  let audited: Audited = { bankEntries: 0, answers: 0, orders: 0, differences: 0 };
  const add = (change: Partial<Audited>) => {
    audited = { ...audited, ...change };
    progress(audited);
  };
  const found = (difference: Difference) => {
    add({ differences: audited.differences + 1 });
    report(difference);
  };
  // What was told before the tables are read must be in them.
  await copyClientLog(deps, (count) => add({ answers: audited.answers + count }));
  await copyJournal(deps, (count) => add({ bankEntries: audited.bankEntries + count }));
  for await (const refs of orderRefs(deps, since)) {
    (await differencesOf(deps, refs)).forEach(found);
    add({ orders: audited.orders + refs.length });
  }
  for await (const difference of unknownCharges(deps.client, since)) found(difference);
  for await (const difference of unknownToldOrders(deps.client)) found(difference);
  for await (const difference of sequenceDifferences(deps.client)) found(difference);
  return audited;
}

async function copyClientLog(
  { client, readClientLog }: Walk,
  copied: (count: number) => void,
): Promise<void> {
  if (readClientLog === undefined) return;
  for await (const answers of readClientLog()) {
    await insertAnswers(client, answers);
    copied(answers.length);
  }
}

/** What is new in the bank's journal. */
async function copyJournal({ client, readJournal }: Walk, copied: (count: number) => void): Promise<void> {
  for await (const entries of readJournal(await lastJournalId(client))) {
    await insertJournal(client, entries);
    copied(entries.length);
  }
}

/** Read by read, in the order of the refs. */
async function* orderRefs(
  { client, now, ordersPerRead: limit = ORDERS_PER_READ }: Walk,
  since: string | null,
): AsyncGenerator<readonly string[]> {
  for (let after = ''; ;) {
    const refs = await nextOrders(client, { after, limit, since, now: now() });
    const last = refs.at(-1);
    if (last === undefined) return;
    yield refs;
    if (refs.length < limit) return;
    after = last;
  }
}

async function differencesOf(deps: Walk, refs: readonly string[]): Promise<Difference[]> {
  let differences = await compareOrders(deps, refs);
  for (let look = 0; look < SECOND_LOOKS && differences.length > 0; look++) {
    await sleep(deps.secondLookMs ?? SECOND_LOOK_MS);
    await copyJournal(deps, () => {});
    differences = await compareOrders(deps, [...new Set(differences.map(({ ref }) => ref))]);
  }
  return differences;
}

async function compareOrders({ client, now }: Walk, refs: readonly string[]): Promise<Difference[]> {
  const records = await readOrders(client, refs);
  return records.flatMap((order) => compareOrder(order, now()));
}

async function* unknownCharges(client: pg.ClientBase, since: string | null): AsyncGenerator<Difference> {
  for (let after = 0; ;) {
    const entries = await unknownJournal(client, { after, limit: UNKNOWN_PER_READ, since });
    for (const entry of entries) yield unknownCharge(entry);
    after = entries.at(-1)?.id ?? after;
    if (entries.length < UNKNOWN_PER_READ) return;
  }
}

async function* unknownToldOrders(client: pg.ClientBase): AsyncGenerator<Difference> {
  for (let after = 0; ;) {
    const found = await unknownAnswers(client, { after, limit: UNKNOWN_PER_READ });
    for (const { answer } of found) yield unknownToldOrder(answer);
    after = found.at(-1)?.id ?? after;
    if (found.length < UNKNOWN_PER_READ) return;
  }
}

import type pg from 'pg';
import type { JournalEntry } from './order-records.ts';

/**
 * The bank tells its journal in the order of time, and we compare order by order. So the journal is
 * copied into a temporary table of our own connection, which is gone with it: nothing grows in memory.
 */
export async function createJournalTable(client: pg.ClientBase): Promise<void> {
  await client.query(`create temporary table audit_journal (
    id bigint primary key,
    at timestamptz not null,
    kind text not null,
    key text not null,
    order_ref text,
    amount bigint not null,
    currency text
  )`);
  await client.query('create index audit_journal_of_order on audit_journal (order_ref, id)');
}

export async function insertJournal(client: pg.ClientBase, entries: readonly JournalEntry[]): Promise<void> {
  await client.query({
    name: 'audit_insert_journal',
    text: `insert into audit_journal
      select * from jsonb_populate_recordset(null::audit_journal, $1::jsonb) on conflict (id) do nothing`,
    values: [JSON.stringify(entries)],
  });
}

/** The last id that was copied; 0 for none. */
export async function lastJournalId(client: pg.ClientBase): Promise<number> {
  const { rows } = await client.query<{ last: number }>(
    'select coalesce(max(id), 0)::bigint as last from audit_journal',
  );
  return rows[0]?.last ?? 0;
}

/** Money that moved for an order which is in no table, after an id, ascending. */
export async function unknownJournal(
  client: pg.ClientBase,
  { after, limit, since }: { after: number; limit: number; since: string | null },
): Promise<JournalEntry[]> {
  const { rows } = await client.query<JournalEntry>({
    name: 'audit_unknown_journal',
    text: `select j.* from audit_journal j
      where j.id > $1 and j.kind <> 'abandon' and ($3::timestamptz is null or j.at >= $3)
        and not exists (select 1 from orders o where o.order_ref = j.order_ref)
      order by j.id limit $2`,
    values: [after, limit, since],
  });
  return rows;
}

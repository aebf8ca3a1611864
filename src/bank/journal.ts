import type { Pool } from 'pg';
import type { OperationKind } from './operations.ts';

export interface JournalRow {
  readonly id: number;
  readonly at: Date;
  readonly kind: OperationKind;
  readonly key: string;
  readonly order_ref: string | null;
  readonly amount: number;
  readonly currency: string | null;
}

/**
 * The rows after an id, ascending. Ids are given before their transaction commits, so a plain SELECT
 * can show row 6 while row 5 is still on its way, and a reader who goes on "after 6" would never see 5.
 * The SHARE lock waits for the writers that have begun; none can begin while it is held, about a
 * millisecond. The read is a later statement, so that its snapshot is taken under the lock.
 */
export async function readJournal(
  pool: Pool,
  { after, limit }: { after: number; limit: number },
): Promise<JournalRow[]> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    await client.query('lock table journal in share mode');
    const { rows } = await client.query<JournalRow>({
      name: 'read_journal',
      text: `select id, at, kind, key, order_ref, amount, currency from journal
        where id > $1 order by id limit $2`,
      values: [after, limit],
    });
    await client.query('commit');
    return rows;
  } catch (error) {
    await client.query('rollback');
    throw error;
  } finally {
    client.release();
  }
}

export interface Account {
  readonly currency: string;
  readonly held: number;
  readonly captured: number;
  readonly refunded: number;
  readonly balance: number;
}

/** The merchant side's settlement account, a line per currency. */
export async function readAccounts(pool: Pool): Promise<Account[]> {
  const { rows } = await pool.query<Account>({
    name: 'read_accounts',
    text: 'select currency, held, captured, refunded, balance from accounts order by currency',
  });
  return rows;
}

import type { Pool } from 'pg';
import { startDeciding } from './authorizations.ts';
import { COLUMNS, findOperation, type Operation } from './operations.ts';

export type Abandonment =
  | { readonly type: 'abandoned' }
  | { readonly type: 'happened'; readonly operation: Operation }
  | { readonly type: 'not_yet' }
  | { readonly type: 'not_an_authorization' };

/**
 * Makes sure that a key can never succeed, or says why it cannot. Each step is atomic against the key's
 * own use: an authorization running at this moment holds the unique index until it has committed.
 */
export async function abandon(
  pool: Pool,
  { key, lateSuccessMs }: { key: string; lateSuccessMs: number },
): Promise<Abandonment> {
  if ((await placeTombstone(pool, key)) || (await closeChallenge(pool, key))) return { type: 'abandoned' };
  const operation = await findOperation(pool, key);
  if (operation === null) throw new Error('an operation has disappeared');
  if (operation.state === 'abandoned') return { type: 'abandoned' };
  if (operation.kind !== 'authorize') return { type: 'not_an_authorization' };
  switch (operation.state) {
    case 'undecided':
      await startDeciding(pool, { key, afterMs: lateSuccessMs });
      return { type: 'not_yet' };
    case 'waiting':
    case 'pending':
      return { type: 'not_yet' };
    case 'approved':
    case 'declined':
    case 'already_captured':
      return { type: 'happened', operation };
  }
}

const WRITE_JOURNAL = `entry as (
  insert into journal (kind, key, order_ref, amount, currency)
  select 'abandon', key, order_ref, 0, currency from op
)`;

async function placeTombstone(pool: Pool, key: string): Promise<boolean> {
  const { rows } = await pool.query<Operation>({
    name: 'place_tombstone',
    text: `with op as (
        insert into operations (key, kind, state, reason, amount)
        values ($1, 'abandon', 'abandoned', 'authorization_abandoned', 0)
        on conflict (key) do nothing
        returning *
      ), ${WRITE_JOURNAL}
      select ${COLUMNS} from op`,
    values: [key],
  });
  return rows.length > 0;
}

/** A UPI request has gone to the payer's phone and cannot be called back. */
async function closeChallenge(pool: Pool, key: string): Promise<boolean> {
  const { rows } = await pool.query<Operation>({
    name: 'close_challenge',
    text: `with op as (
        update operations set state = 'abandoned', reason = 'authorization_abandoned', decide_at = null
        where key = $1 and state = 'waiting' and method <> 'upi'
        returning *
      ), ${WRITE_JOURNAL}
      select ${COLUMNS} from op`,
    values: [key],
  });
  return rows.length > 0;
}

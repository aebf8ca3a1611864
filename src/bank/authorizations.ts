import { randomBytes } from 'node:crypto';
import type { Pool } from 'pg';
import type { Plan } from './magic.ts';
import { COLUMNS, HOLD_MONEY, type Operation, QUEUE_CALLBACK, WRITE_JOURNAL } from './operations.ts';

export interface NewAuthorization {
  readonly key: string;
  readonly requestHash: string;
  readonly orderRef: string;
  readonly amount: number;
  readonly currency: string;
  readonly method: string;
  /** Whose money: a VPA, a card's token, a bank, a wallet. */
  readonly account: string;
  readonly returnUrl: string;
}

export interface ActionTimes {
  readonly actionExpiryMs: number;
  readonly actionGraceMs: number;
}

/**
 * Does what the plan says under this key. Null: the key was used before (a twin that runs at the same
 * moment is waited for by the unique index) and nothing was done.
 */
export async function insertAuthorization(
  pool: Pool,
  request: NewAuthorization,
  { plan, notify, times }: { plan: Plan; notify: boolean; times: ActionTimes },
): Promise<Operation | null> {
  const waiting = plan.state === 'waiting';
  const expiresAt = waiting ? Date.now() + times.actionExpiryMs : null;
  const { rows } = await pool.query<Operation>({
    name: 'insert_authorization',
    text: INSERT_AUTHORIZATION,
    values: [
      notify,
      request.key,
      request.requestHash,
      plan.state,
      plan.state === 'declined' ? plan.reason : null,
      newReference(),
      request.orderRef,
      request.amount,
      request.currency,
      request.method,
      request.account,
      waiting ? plan.action : null,
      expiresAt === null ? null : new Date(expiresAt),
      waiting ? newPageToken() : null,
      request.returnUrl,
      expiresAt === null ? null : new Date(expiresAt + times.actionGraceMs),
    ],
  });
  return rows[0] ?? null;
}

const PAGE_TOKEN_BYTES = 32;
const REFERENCE_BYTES = 10;

export function newReference(): string {
  return `bnk_${randomBytes(REFERENCE_BYTES).toString('hex')}`;
}

/** Tells itself from a reference by its first letters, and is not to be guessed. */
function newPageToken(): string {
  return `page_${randomBytes(PAGE_TOKEN_BYTES).toString('base64url')}`;
}

const INSERT_AUTHORIZATION = `with op as (
  insert into operations (key, kind, request_hash, state, reason, reference, order_ref, amount,
    currency, method, account, action_type, action_expires_at, page_token, return_url, decide_at)
  values ($2, 'authorize', $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
  on conflict (key) do nothing
  returning *
), ${HOLD_MONEY}, ${WRITE_JOURNAL}, ${QUEUE_CALLBACK}
select ${COLUMNS} from op`;

/** The payer's answer. Null: it was not waiting any more, and nothing was done. */
export async function endWaiting(
  pool: Pool,
  { key, notify, reason }: { key: string; notify: boolean; reason: string | null },
): Promise<Operation | null> {
  const { rows } = await pool.query<Operation>({
    name: 'end_waiting',
    text: `with op as (
        update operations set reason = $3::text, decide_at = null,
          state = case when $3::text is null then 'approved' else 'declined' end
        where key = $2 and state = 'waiting'
        returning *
      ), ${HOLD_MONEY}, ${WRITE_JOURNAL}, ${QUEUE_CALLBACK}
      select ${COLUMNS} from op`,
    values: [notify, key, reason],
  });
  return rows[0] ?? null;
}

/** Decides whatever is due: a late success succeeds, a payer who has not answered in time declines. */
export async function decideDue(pool: Pool, notify: boolean): Promise<void> {
  await pool.query({
    name: 'decide_due',
    text: `with op as (
        update operations set decide_at = null,
          state = case state when 'undecided' then 'approved' else 'declined' end,
          reason = case state when 'undecided' then null else 'payment_cancelled' end
        where decide_at <= now() and state in ('undecided', 'waiting')
        returning *
      ), ${HOLD_MONEY}, ${WRITE_JOURNAL}, ${QUEUE_CALLBACK}
      select count(*) from op`,
    values: [notify],
  });
}

/** The first question about an undecided operation sets the time of its late success. */
export async function startDeciding(
  pool: Pool,
  { key, afterMs }: { key: string; afterMs: number },
): Promise<void> {
  await pool.query({
    name: 'start_deciding',
    text: `update operations set decide_at = now() + $2::double precision * interval '1 millisecond'
      where key = $1 and state = 'undecided' and decide_at is null`,
    values: [key, afterMs],
  });
}

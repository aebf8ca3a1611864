import type pg from 'pg';
import type { Method, Phase } from '../domain/payment.ts';
import { readPage, type Condition, type Page, type PageOf } from './list-page.ts';
import type { Role } from './users.ts';

export interface NewTransaction {
  readonly orderRef: string;
  readonly merchantId: string;
  readonly method: Method;
  /** Null: it came by QR code. */
  readonly sender: { readonly userId: string; readonly idempotencyKey: string } | null;
}

/** A row with how its order stands: by what was captured, otherwise by the newest try. */
export interface Transaction {
  readonly id: string;
  readonly order_ref: string;
  readonly merchant_id: string;
  readonly payment_method: Method;
  readonly idempotency_key: string | null;
  readonly user_id: string | null;
  readonly created_at: string;
  readonly role: Role | null;
  readonly amount: number;
  readonly order_status: string;
  readonly payment_ref: string | null;
  readonly phase: Phase | null;
  readonly flags: readonly string[] | null;
}

/** Whose transactions somebody may see. */
export type Scope =
  | { readonly by: 'user'; readonly userId: string }
  /** Null: of a merchant without a profile, who has none. */
  | { readonly by: 'merchant'; readonly merchantId: string | null }
  | { readonly by: 'all' };

const TRANSACTION = `
select t.id, t.order_ref, t.merchant_id, t.user_id, t.idempotency_key, t.created_at, u.role, o.amount,
  o.status as order_status, coalesce(p.method, t.payment_method) as payment_method,
  p.payment_ref, p.phase, p.flags
from legacy_transactions t join orders o using (order_ref)
  left join users u on u.id = t.user_id
  left join lateral (
    select payment_ref, method, phase, flags from payments where order_ref = t.order_ref
    order by payment_ref = o.captured_payment_ref desc, created_at desc limit 1
  ) p on true`;

/** Once per order, however often its request is repeated. */
export async function insertTransaction(pool: pg.Pool, transaction: NewTransaction): Promise<void> {
  const { orderRef, merchantId, method, sender } = transaction;
  await pool.query({
    name: 'insert_transaction',
    text: `insert into legacy_transactions (id, order_ref, merchant_id, user_id, idempotency_key,
        payment_method, created_at)
      select id, order_ref, merchant_id, $3, $4, $5, created_at
      from orders where order_ref = $1 and merchant_id = $2
      on conflict do nothing`,
    values: [orderRef, merchantId, sender?.userId ?? null, sender?.idempotencyKey ?? null, method],
  });
}

/** A foreign one is as absent as an unknown one. */
export async function findTransaction(
  pool: pg.Pool,
  scope: Scope,
  which: { readonly id: string } | { readonly orderRef: string },
): Promise<Transaction | null> {
  const [left, right] = conditionOf(scope);
  const [column, value] = 'id' in which ? ['t.id', which.id] : ['t.order_ref', which.orderRef];
  const { rows } = await pool.query<Transaction>({
    text: `${TRANSACTION} where ${column} = $1 and ${left} $2`,
    values: [value, right],
  });
  return rows[0] ?? null;
}

/** Null when the cursor is not a transaction of this scope. */
export async function listTransactions(
  pool: pg.Pool,
  scope: Scope,
  page: Page,
): Promise<PageOf<Transaction> | null> {
  return readPage<Transaction & pg.QueryResultRow>(pool, {
    source: { select: TRANSACTION, at: 't.created_at', ref: 't.id' },
    within: [conditionOf(scope)],
    filters: [],
    page,
  });
}

function conditionOf(scope: Scope): Condition {
  switch (scope.by) {
    case 'user':
      return ['t.user_id =', scope.userId];
    case 'merchant':
      return ['t.merchant_id =', scope.merchantId];
    case 'all':
      return ['t.created_at <=', 'infinity'];
  }
}

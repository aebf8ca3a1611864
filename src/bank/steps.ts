import type { Pool } from 'pg';
import { newReference } from './authorizations.ts';
import { refundPlan } from './magic.ts';
import { COLUMNS, type Operation, QUEUE_CALLBACK, WRITE_JOURNAL } from './operations.ts';

export interface NewStep {
  readonly key: string;
  readonly requestHash: string;
  /** Of the authorization. */
  readonly reference: string;
  readonly amount: number;
  readonly currency: string;
}

/**
 * Locks the authorization and reads it as it is once the lock is held: `for update` follows the row
 * to its newest version, so of two steps that meet, the second sees what the first did. Nothing else
 * of the statement looks at a row that a rival may have changed.
 */
const LOCK_AUTHORIZATION = `held as materialized (
  select * from authorizations where reference = $4 and currency = $5 for update
)`;

/** With a verdict (null reason: approved). A key that was used before gives no row and no effect. */
const operation = (kind: string, columns: { reference: string; amount: string; state?: string }) => `op as (
  insert into operations (key, kind, request_hash, authorization_reference, reference, order_ref,
    amount, currency, reason, amount_captured, state)
  select $2, '${kind}', $3, $4, ${columns.reference}, held.order_ref, ${columns.amount}, $5,
    verdict.reason, held.captured,
    case when verdict.reason is not null then 'declined' else ${columns.state ?? `'approved'`} end
  from (values (1)) as always left join held on true cross join verdict
  on conflict (key) do nothing
  returning *
)`;

const CAPTURE = `with ${LOCK_AUTHORIZATION}, verdict as (
  select case
    when held.state is null then 'account_not_found'
    when held.state = 'voided' then 'authorization_voided'
    when held.state = 'captured' or $6::bigint > held.amount then 'amount_exceeds_authorization'
  end as reason from (values (1)) as always left join held on true
), ${operation('capture', { reference: '$4', amount: '$6::bigint' })}, taken as (
  update authorizations set state = 'captured', captured = op.amount from op
  where authorizations.reference = $4 and op.state = 'approved'
), ${WRITE_JOURNAL}, ${QUEUE_CALLBACK}
select ${COLUMNS} from op`;

/** Takes up to what is held, once, and releases the rest. Null: the key was used before. */
export function insertCapture(pool: Pool, step: NewStep, notify: boolean): Promise<Operation | null> {
  return insertStep(pool, {
    name: 'insert_capture',
    text: CAPTURE,
    values: [notify, step.key, step.requestHash, step.reference, step.currency, step.amount],
  });
}

// Releasing what is released is approved again and moves nothing: no second journal row.
const VOID = `with ${LOCK_AUTHORIZATION}, verdict as (
  select case when held.state is null then 'account_not_found' end as reason
  from (values (1)) as always left join held on true
), ${operation('void', {
  reference: '$4',
  amount: 'coalesce(held.amount, 0)',
  state: `case held.state when 'captured' then 'already_captured' else 'approved' end`,
})}, released as (
  update authorizations set state = 'voided' from op
  where authorizations.reference = $4 and op.state = 'approved'
), entry as (
  insert into journal (kind, key, order_ref, amount, currency)
  select op.kind, op.key, op.order_ref, op.amount, op.currency from op, held
  where op.state = 'approved' and held.state = 'held'
), ${QUEUE_CALLBACK}
select ${COLUMNS} from op`;

/** Releases what is held. Null: the key was used before. */
export function insertVoid(
  pool: Pool,
  step: Omit<NewStep, 'amount'>,
  notify: boolean,
): Promise<Operation | null> {
  return insertStep(pool, {
    name: 'insert_void',
    text: VOID,
    values: [notify, step.key, step.requestHash, step.reference, step.currency],
  });
}

// A pending refund counts as given back until the bank has decided: two of them cannot exceed the capture.
const REFUND = `with ${LOCK_AUTHORIZATION}, verdict as (
  select case
    when held.state is null then 'account_not_found'
    when $6::bigint > held.captured - held.refunded - held.refund_pending then 'refund_declined'
    when $8 = 'declined' then 'refund_declined'
  end as reason from (values (1)) as always left join held on true
), ${operation('refund', { reference: '$7', amount: '$6::bigint', state: '$8' })}, given as (
  update authorizations set
    refunded = authorizations.refunded + case op.state when 'approved' then op.amount else 0 end,
    refund_pending = refund_pending + case op.state when 'pending' then op.amount else 0 end
  from op where authorizations.reference = $4 and op.state in ('approved', 'pending')
), ${WRITE_JOURNAL}, ${QUEUE_CALLBACK}
select ${COLUMNS} from op`;

/** Gives back up to what was taken and not given back yet. Null: the key was used before. */
export function insertRefund(pool: Pool, step: NewStep, notify: boolean): Promise<Operation | null> {
  const { key, requestHash, reference, currency, amount } = step;
  return insertStep(pool, {
    name: 'insert_refund',
    text: REFUND,
    values: [notify, key, requestHash, reference, currency, amount, newReference(), refundPlan(amount)],
  });
}

const SETTLE_REFUND = `with op as (
  update operations set state = $3::text,
    reason = case $3::text when 'declined' then 'refund_declined' end
  where key = $2 and kind = 'refund' and state = 'pending'
  returning *
), given as (
  update authorizations set
    refunded = authorizations.refunded + case op.state when 'approved' then op.amount else 0 end,
    refund_pending = refund_pending - op.amount
  from op where authorizations.reference = op.authorization_reference
), ${WRITE_JOURNAL}, ${QUEUE_CALLBACK}
select ${COLUMNS} from op`;

/** Null: no such refund is pending, and nothing was done. */
export function settleRefund(
  pool: Pool,
  { key, state, notify }: { key: string; state: 'approved' | 'declined'; notify: boolean },
): Promise<Operation | null> {
  return insertStep(pool, { name: 'settle_refund', text: SETTLE_REFUND, values: [notify, key, state] });
}

async function insertStep(
  pool: Pool,
  statement: { name: string; text: string; values: unknown[] },
): Promise<Operation | null> {
  const { rows } = await pool.query<Operation>(statement);
  return rows[0] ?? null;
}

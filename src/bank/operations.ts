import type { Pool } from 'pg';

/**
 * One call of the acquirer's caller, by its key: what was asked and what came of it.
 * - `undecided`, `waiting` (for the payer), `pending` (a refund): open, the bank moves it on.
 * - `approved`, `declined`, `already_captured`: ended, never changes again.
 * - `abandoned`: closed on request; the key can never succeed.
 */
export type OperationState =
  | 'undecided'
  | 'waiting'
  | 'pending'
  | 'approved'
  | 'declined'
  | 'already_captured'
  | 'abandoned';

export type OperationKind = 'authorize' | 'capture' | 'void' | 'refund' | 'abandon';

export interface Operation {
  readonly key: string;
  readonly kind: OperationKind;
  /** Null: a tombstone, whose key was never used. */
  readonly requestHash: string | null;
  readonly state: OperationState;
  readonly reason: string | null;
  readonly reference: string | null;
  readonly orderRef: string | null;
  readonly amount: number;
  readonly currency: string | null;
  readonly method: string | null;
  readonly amountCaptured: number | null;
  readonly actionType: 'redirect' | 'upi_intent' | 'otp' | null;
  readonly actionExpiresAt: Date | null;
  readonly pageToken: string | null;
  readonly returnUrl: string | null;
}

/**
 * Every statement that writes begins with its own CTE `op`, the operations it made or ended, takes
 * "are callbacks wanted" as $1, and ends with these parts. So an operation, the money it moved, its
 * journal row and its callback are one statement, hence one transaction and one round trip.
 */
export const QUEUE_CALLBACK = `notice as (
  insert into callbacks (id, key)
  select 'evt_' || replace(gen_random_uuid()::text, '-', ''), key from op
  where $1::boolean and state in ('approved', 'declined', 'already_captured')
)`;

/** Only what was approved moved money. */
export const WRITE_JOURNAL = `entry as (
  insert into journal (kind, key, order_ref, amount, currency)
  select kind, key, order_ref, amount, currency from op where state = 'approved'
)`;

export const HOLD_MONEY = `hold as (
  insert into authorizations (reference, account, order_ref, amount, currency, state)
  select reference, account, order_ref, amount, currency, 'held' from op where state = 'approved'
)`;

export const COLUMNS = `key, kind, request_hash as "requestHash", state, reason, reference,
  order_ref as "orderRef", amount, currency, method, amount_captured as "amountCaptured",
  action_type as "actionType", action_expires_at as "actionExpiresAt", page_token as "pageToken",
  return_url as "returnUrl"`;

export async function findOperation(pool: Pool, key: string): Promise<Operation | null> {
  const { rows } = await pool.query<Operation>({
    name: 'find_operation',
    text: `select ${COLUMNS} from operations where key = $1`,
    values: [key],
  });
  return rows[0] ?? null;
}

/** `id`: the page's token or the authorization's reference. */
export async function findByPage(pool: Pool, id: string): Promise<Operation | null> {
  const { rows } = await pool.query<Operation>({
    name: 'find_by_page',
    text: `select ${COLUMNS} from operations
      where (page_token = $1 or reference = $1) and page_token is not null`,
    values: [id],
  });
  return rows[0] ?? null;
}

/** What a caller is told about an operation. */
export function presentOutcome(operation: Operation, publicUrl: string): Record<string, unknown> {
  const { state, reason, reference } = operation;
  switch (state) {
    case 'approved':
    case 'pending':
      return { type: state, reference };
    case 'declined':
      return { type: 'declined', reason, reference };
    case 'already_captured':
      return { type: 'already_captured', amount: operation.amountCaptured };
    case 'abandoned':
      return { type: 'declined', reason: 'authorization_abandoned', reference };
    case 'undecided':
      // The lie of `late@payflow`: reported as failed while it may still succeed.
      return { type: 'declined', reason: 'payment_declined', reference: null };
    case 'waiting':
      return { type: 'requires_action', reference, action: presentAction(operation, publicUrl) };
  }
}

function presentAction(operation: Operation, publicUrl: string) {
  const url = `${publicUrl}/pages/${operation.pageToken ?? ''}`;
  return {
    type: operation.actionType,
    url,
    intent_url: operation.actionType === 'upi_intent' ? intentUrl(operation) : null,
    expires_at: operation.actionExpiresAt?.toISOString(),
  };
}

/** UPI's deep link (NPCI's linking specification): `am` is in rupees with two decimals. */
function intentUrl({ amount, currency, reference }: Operation): string {
  const query = new URLSearchParams({
    pa: 'payflow@payflow',
    pn: 'PayFlow',
    tr: reference ?? '',
    am: `${Math.floor(amount / 100)}.${String(amount % 100).padStart(2, '0')}`,
    cu: currency ?? '',
  });
  return `upi://pay?${query.toString()}`;
}

import type { z } from 'zod';
import { HOUSE_MERCHANT_ID } from '../../db/house-merchant.ts';
import type { Transaction } from '../../db/transactions.ts';
import { rupeesOf } from './rupees.ts';
import type { transaction } from './schema.ts';

type Shown = z.input<typeof transaction>;

export function presentTransaction(row: Transaction): Shown {
  return {
    id: row.id,
    amount: rupeesOf(row.amount),
    payment_method: row.payment_method,
    status: statusOf(row),
    idempotency_key: row.idempotency_key,
    is_flagged: (row.flags ?? []).length > 0,
    user_id: row.role === 'user' ? row.user_id : null,
    // Who sends something as user or admin pays no merchant of his own.
    merchant_id: row.merchant_id === HOUSE_MERCHANT_ID ? null : row.merchant_id,
    admin_id: row.role === 'admin' ? row.user_id : null,
    created_at: row.created_at,
    order_ref: row.order_ref,
    payment_ref: row.payment_ref,
  };
}

/** An outcome that nobody knows yet is never shown as failed. */
export function statusOf({ phase, order_status: order }: Transaction): Shown['status'] {
  switch (phase) {
    case null:
      return order === 'expired' ? 'failed' : 'pending';
    case 'submitted':
    case 'awaiting_customer':
      return 'pending';
    case 'unknown':
    case 'abandoning':
    case 'authorized':
    case 'in_review':
    case 'capturing':
    case 'voiding':
      return 'processing';
    case 'captured':
      return 'success';
    case 'refunded':
      return 'refunded';
    case 'voided':
    case 'failed':
      return 'failed';
  }
}

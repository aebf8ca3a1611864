import type { z } from 'zod';
import type { RefundRow } from '../../domain/projection.ts';
import type { refund } from './schema.ts';

type Shown = z.input<typeof refund>;

export function presentRefund(row: RefundRow, reason: string | null): Shown {
  return {
    id: row.id,
    refund_ref: row.refund_ref,
    payment_id: row.payment_id,
    payment_ref: row.payment_ref,
    amount: row.amount,
    currency: row.currency as Shown['currency'],
    status: row.status as Shown['status'],
    reason,
    error_reason: row.error_reason,
    created_at: row.created_at,
    processed_at: row.processed_at,
  };
}

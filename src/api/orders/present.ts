import type { z } from 'zod';
import type { OrderWithTexts } from '../../db/orders.ts';
import type { order } from './schema.ts';

type Shown = z.input<typeof order>;

export function presentOrder(row: OrderWithTexts, apiUrl: string): Shown {
  return {
    id: row.id,
    order_ref: row.order_ref,
    amount: row.amount,
    currency: row.currency as Shown['currency'],
    status: row.status as Shown['status'],
    receipt: row.receipt,
    notes: row.notes as Shown['notes'],
    attempts: row.attempts,
    created_at: row.created_at,
    expires_at: row.expires_at,
    amount_paid: row.amount_paid,
    // A partial capture settles the order: nothing is due any more.
    amount_due: row.status === 'paid' ? 0 : row.amount,
    amount_refunded: row.amount_refunded,
    payment_capture: row.capture_mode as Shown['payment_capture'],
    checkout_url: `${apiUrl}/pay/${row.order_ref}`,
  };
}

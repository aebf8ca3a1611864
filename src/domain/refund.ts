import type { Reason } from './errors.ts';

export const REFUND_STATUSES = ['pending', 'processed', 'failed'] as const;

/** Giving back (part of) a capture. `pending` is ours: the bank is asked until it has decided. Times are epoch ms. */
export type Refund = RefundFacts &
  (
    | { readonly status: 'pending' }
    | { readonly status: 'processed'; readonly processedAt: number; readonly reference: string }
    | { readonly status: 'failed'; readonly failedAt: number; readonly reason: Reason }
  );

interface RefundFacts {
  readonly id: string;
  readonly ref: string;
  readonly paymentRef: string;
  readonly amount: number;
  /** The key sent to the bank. */
  readonly key: string;
  readonly createdAt: number;
}

import type { EventPayload, PublicEventType } from './events.ts';

/** Real events are numbered from 1. */
export const SAMPLE_SEQUENCE = 0;

const NO_ONE = '0'.repeat(20);
/** Refs of nothing: who takes a sample for the truth finds no order to ship. */
const ORDER = { order_ref: `pf_order_${NO_ONE}`, amount: 49_900 };
const PAYMENT = { payment_ref: `pf_pay_${NO_ONE}`, method: 'upi' as const };
const REFUND = { refund_ref: `pf_rfnd_${NO_ONE}`, refund_amount: 10_000 };

/** The payment's status in an event of this kind. */
const STATUSES: Record<Exclude<PublicEventType, 'order.expired'>, string> = {
  'payment.captured': 'captured',
  'payment.failed': 'failed',
  'order.paid': 'captured',
  'refund.processed': 'captured',
  'payment.authorized': 'authorized',
  'payment.late_authorized': 'authorized',
  'payment.voided': 'failed',
  'refund.created': 'captured',
  'refund.failed': 'captured',
};
const REFUND_STATUSES: Partial<Record<PublicEventType, string>> = {
  'refund.created': 'pending',
  'refund.processed': 'processed',
  'refund.failed': 'failed',
};

/** `payload` of a sample, in the shape of a real event of this kind. */
export function samplePayload(type: PublicEventType): EventPayload {
  if (type === 'order.expired') return { ...ORDER, payment_ref: null, method: null, status: 'expired' };
  const payment = { ...ORDER, ...PAYMENT, status: STATUSES[type] };
  const refundStatus = REFUND_STATUSES[type];
  return refundStatus === undefined ? payment : { ...payment, ...REFUND, refund_status: refundStatus };
}

/** From the sample's own id, in a shape that no real event has. */
export function sampleEventId(sampleId: string): string {
  return `evt_test_${sampleId.replaceAll('-', '')}`;
}

/** The shapes of our public names. The random parts are made by the API, see `src/db/refs.ts`. */

export const ORDER_REF = /^pf_order_[0-9a-f]{20}$/;
export const PAYMENT_REF = /^pf_pay_[0-9a-f]{20}$/;
export const REFUND_REF = /^pf_rfnd_[0-9a-f]{20}$/;

/**
 * `evt_…`, made from where the event stands instead of from chance: the same event has the same id in
 * the tables, in every history and after a rebuild.
 */
export function eventId(orderRef: string, orderSeq: number): string {
  return `evt_${orderRef.slice('pf_order_'.length)}${orderSeq.toString(16).padStart(4, '0')}`;
}

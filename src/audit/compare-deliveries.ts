import { isPublicEvent } from '../domain/events.ts';
import type { Difference } from './difference.ts';
import { OVERDUE_MS, SETTLING_MS, type OrderRecords, type StoredDelivery } from './order-records.ts';

/** A retry has its own workflow, which is looked after when it is this late; in ms. */
const RETRY_OVERDUE_MS = 15 * 60_000;

/** Whether merchants were told, or are still going to be, of every public event that they subscribe to. */
export function compareDeliveries(records: OrderRecords, now: number): Difference[] {
  const ref = records.order.order_ref;
  return [
    ...missing(records, now),
    ...records.deliveries.flatMap((delivery): Difference[] => {
      const what = `delivery ${delivery.event_id} to ${delivery.endpoint_id}`;
      if (delivery.status === 'delivered' && !delivery.succeeded) {
        const sides = ['delivery delivered', 'successful attempts 0'] as const;
        return [{ code: 'delivery_unproven', ref, what, sides }];
      }
      const due = overdueSince(delivery, now);
      if (due === null) return [];
      return [{ code: 'delivery_overdue', ref, what, sides: [`delivery ${delivery.status}`, `due ${due}`] }];
    }),
  ];
}

function missing({ order, events, outbox, deliveries, endpoints }: OrderRecords, now: number): Difference[] {
  const ref = order.order_ref;
  const waiting = new Set(outbox);
  const made = new Set(deliveries.map(({ event_id, endpoint_id }) => `${event_id} ${endpoint_id}`));
  return events
    .filter(({ type, at }) => isPublicEvent(type) && Date.parse(at) < now - SETTLING_MS)
    .flatMap(({ id, type, at }): Difference[] => {
      if (waiting.has(id)) {
        const sides = [`event ${at}`, 'outbox still there'] as const;
        return [{ code: 'outbox_stuck', ref, what: `outbox ${id}`, sides }];
      }
      return endpoints
        .filter(
          (endpoint) => endpoint.events.includes(type) && endpoint.since !== null && endpoint.since < at,
        )
        .filter((endpoint) => !made.has(`${id} ${endpoint.id}`))
        .map((endpoint) => ({
          code: 'delivery_missing',
          ref,
          what: `delivery ${id} to ${endpoint.id}`,
          sides: [`event ${type}`, 'deliveries nothing'],
        }));
    });
}

/** When it should have been tried; null: it is over, or in time, or held back for a reason. */
function overdueSince(delivery: StoredDelivery, now: number): string | null {
  const { status, held, created_at, next_attempt_at } = delivery;
  if (status === 'pending') return !held && isBefore(created_at, now - OVERDUE_MS) ? created_at : null;
  if (status !== 'retrying' || next_attempt_at === null) return null;
  return isBefore(next_attempt_at, now - RETRY_OVERDUE_MS) ? next_attempt_at : null;
}

function isBefore(time: string, limit: number): boolean {
  return Date.parse(time) < limit;
}

import type { EventData, EventType, OrderEvent } from './events.ts';
import { evolve, paymentOf, refundOf, type Order } from './order.ts';
import type { Payment } from './payment.ts';
import type { Refund } from './refund.ts';

/** The events of one decision while it is being made; `order` is always what they amount to so far. */
export interface Draft {
  readonly order: Order;
  readonly events: readonly OrderEvent[];
  add<T extends EventType>(type: T, data: EventData[T]): void;
  payment(ref: string): Payment;
  refund(ref: string): Refund;
}

/** `at` (epoch ms) is the time of every event of the decision. */
export function openDraft(before: Order, at: number): Draft {
  let order = before;
  const events: OrderEvent[] = [];
  return {
    get order() {
      return order;
    },
    events,
    add(type, data) {
      const event = { seq: order.seq + 1, at, type, data } as OrderEvent;
      order = evolve(order, event);
      events.push(event);
    },
    payment: (ref) => paymentOf(order, ref),
    refund: (ref) => refundOf(order, ref),
  };
}

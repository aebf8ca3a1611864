import type { Command } from './commands.ts';
import type { EventData, OrderEvent, PaymentEventType } from './events.ts';
import type { Currency } from './money.ts';
import { holdsTheOrder, TRANSITIONS, type Payment, type PaymentIn, type Phase } from './payment.ts';
import type { Refund } from './refund.ts';

export type OrderStatus = 'created' | 'attempted' | 'paid' | 'expired';
export type CaptureMode = 'automatic' | 'manual';
export type OrderSource = 'api' | 'qr' | 'legacy';

/** All that the decisions of one order need: the fold of its events. */
export interface Order {
  readonly ref: string;
  readonly id: string;
  readonly merchantId: string;
  readonly amount: number;
  readonly currency: Currency;
  readonly captureMode: CaptureMode;
  readonly captureWindowMs: number;
  readonly source: OrderSource;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly status: OrderStatus;
  /** Somebody cancelled the run: no more money is taken, what is held is released. */
  readonly cancelRequested: boolean;
  /** The number and time of the last event. */
  readonly seq: number;
  readonly updatedAt: number;
  readonly payments: Readonly<Record<string, Payment>>;
  readonly refunds: Readonly<Record<string, Refund>>;
}

/** One order's events, in order and without a gap, from `order.created` on. */
export function fold(ref: string, events: readonly OrderEvent[], from: Order | null = null): Order {
  let order = from;
  for (const event of events) {
    if (order !== null && event.seq <= order.seq) continue;
    order = order === null ? born(ref, event) : evolve(order, event);
  }
  if (order === null) throw new Error(`${ref} has no events`);
  return order;
}

/** What an event makes of an order. Total over the transition table; anything else is a fault of ours. */
export function evolve(order: Order, event: OrderEvent): Order {
  if (event.seq !== order.seq + 1) {
    throw new Error(`${order.ref}: event ${event.seq} cannot follow ${order.seq}`);
  }
  return { ...apply(order, event), seq: event.seq, updatedAt: event.at };
}

function born(ref: string, event: OrderEvent): Order {
  if (event.type !== 'order.created' || event.seq !== 1) {
    throw new Error(`${ref}: the first event is order.created, not ${event.seq} ${event.type}`);
  }
  const { data, at } = event;
  return {
    ref,
    ...data,
    createdAt: at,
    updatedAt: at,
    seq: 1,
    status: 'created',
    cancelRequested: false,
    payments: {},
    refunds: {},
  };
}

function apply(order: Order, event: OrderEvent): Order {
  if (isMove(event)) return movePayment(order, event);
  switch (event.type) {
    case 'order.created':
      throw new Error(`${order.ref} was created already`);
    case 'order.paid':
      return { ...order, status: 'paid' };
    case 'order.expired':
      return { ...order, status: 'expired' };
    case 'order.cancel_requested':
      return { ...order, cancelRequested: true };
    case 'command.refused':
    case 'payment.repaired':
      return order;
    case 'payment.submitted':
      return submit(order, event.data, event.at);
    case 'refund.created':
    case 'refund.processed':
    case 'refund.failed':
      return applyRefund(order, event);
  }
}

function submit(order: Order, data: EventData['payment.submitted'], at: number): Order {
  const { paymentRef: ref, ...facts } = data;
  if (ref in order.payments) throw new Error(`${ref} was submitted already`);
  const payment: Payment = { ...facts, ref, createdAt: at, phase: 'submitted' };
  return {
    ...order,
    status: order.status === 'created' ? 'attempted' : order.status,
    payments: { ...order.payments, [ref]: payment },
  };
}

type PaymentEvent = Extract<OrderEvent, { type: PaymentEventType }>;

function isMove(event: OrderEvent): event is PaymentEvent {
  return (
    event.type.startsWith('payment.') &&
    event.type !== 'payment.submitted' &&
    event.type !== 'payment.repaired'
  );
}

function movePayment(order: Order, event: PaymentEvent): Order {
  const payment = paymentOf(order, event.data.paymentRef);
  const row: Partial<Record<string, Phase>> = TRANSITIONS[payment.phase];
  const phase = row[event.type];
  if (phase === undefined) {
    throw new Error(`${payment.ref}: ${event.type} cannot happen in phase ${payment.phase}`);
  }
  return { ...order, payments: { ...order.payments, [payment.ref]: moved(order, payment, phase, event) } };
}

/** The data of the phase that the transition table names. */
function moved(order: Order, payment: Payment, phase: Phase, event: PaymentEvent): Payment {
  const { at } = event;
  const facts = factsOf(payment);
  switch (event.type) {
    case 'payment.action_required':
      return {
        ...facts,
        phase: 'awaiting_customer',
        nextAction: event.data.action,
        since: at,
        doubted: payment.phase === 'unknown',
      };
    case 'payment.unknown':
      return { ...facts, phase: 'unknown', since: at };
    case 'payment.given_up':
      return { ...facts, phase: 'abandoning', since: at, reason: event.data.reason };
    case 'payment.authorized':
    case 'payment.late_authorized':
      return {
        ...facts,
        phase: 'authorized',
        authorization: { reference: event.data.reference, authorizedAt: at },
        captureBefore: event.data.captureBefore,
      };
    case 'payment.review_requested':
      return { ...held(payment), phase: 'in_review', reviewBy: event.data.reviewBy };
    case 'payment.approved_in_review':
    case 'payment.capture_declined':
      return { ...held(payment), phase: 'authorized' };
    case 'payment.capture_unknown': {
      const { key, amount } = event.data;
      return { ...held(payment), phase: 'capturing', since: at, capture: { key, amount } };
    }
    case 'payment.deadline_extended':
      return extended(payment, event.data.until);
    case 'payment.void_requested': {
      const { key, reason } = event.data;
      return {
        ...facts,
        phase: 'voiding',
        since: at,
        key,
        reason,
        authorization: held(payment).authorization,
      };
    }
    case 'payment.captured':
      return {
        ...facts,
        phase: 'captured',
        authorization: authorizationOf(payment) ?? { reference: event.data.reference, authorizedAt: at },
        capturedAt: at,
        amountCaptured: event.data.amount,
        amountRefunded: 0,
        amountReserved: 0,
      };
    case 'payment.voided':
    case 'payment.failed':
      return {
        ...facts,
        phase: event.type === 'payment.voided' ? 'voided' : 'failed',
        authorization: authorizationOf(payment),
        reason: event.data.reason,
        failedAt: at,
      };
    case 'payment.refunded':
      return { ...paymentIn(order, payment.ref, 'captured'), phase: 'refunded' };
  }
}

/** The fields that every phase has, without those of the phase that is left. */
function factsOf(payment: Payment) {
  const { id, ref, commandId, amount, method, flags, review, acceptedAt, createdAt } = payment;
  return { id, ref, commandId, amount, method, flags, review, acceptedAt, createdAt };
}

/** The authorization that the bank holds for us, with its capture deadline. */
function held(payment: Payment) {
  if (payment.phase !== 'authorized' && payment.phase !== 'in_review' && payment.phase !== 'capturing') {
    throw new Error(`${payment.ref} holds no authorization in phase ${payment.phase}`);
  }
  const { authorization, captureBefore } = payment;
  return { ...factsOf(payment), authorization, captureBefore };
}

function extended(payment: Payment, until: number): Payment {
  return payment.phase === 'in_review'
    ? { ...payment, reviewBy: until }
    : { ...held(payment), phase: 'authorized', captureBefore: until };
}

export function authorizationOf(payment: Payment) {
  return 'authorization' in payment ? payment.authorization : null;
}

type RefundEvent = Extract<OrderEvent, { type: `refund.${string}` }>;

function applyRefund(order: Order, event: RefundEvent): Order {
  const { refundRef: ref, paymentRef, amount } = event.data;
  const put = (refund: Refund, change: { reserved?: number; refunded?: number }): Order => ({
    ...order,
    payments: { ...order.payments, [paymentRef]: reserve(order, paymentRef, change) },
    refunds: { ...order.refunds, [ref]: refund },
  });
  if (event.type === 'refund.created') {
    if (ref in order.refunds) throw new Error(`${ref} was created already`);
    const { id, key } = event.data;
    return put(
      { id, ref, paymentRef, amount, key, createdAt: event.at, status: 'pending' },
      { reserved: amount },
    );
  }
  const refund = refundOf(order, ref);
  if (refund.status !== 'pending') throw new Error(`${ref}: ${event.type} in status ${refund.status}`);
  return event.type === 'refund.processed'
    ? put(
        { ...refund, status: 'processed', processedAt: event.at, reference: event.data.reference },
        { refunded: amount },
      )
    : put(
        { ...refund, status: 'failed', failedAt: event.at, reason: event.data.reason },
        { reserved: -amount },
      );
}

function reserve(order: Order, ref: string, { reserved = 0, refunded = 0 }): Payment {
  const payment = paymentOf(order, ref);
  // A second capture of this order, given back as a whole: only the first counts as the order's.
  if (payment.phase === 'voiding') return payment;
  const { amountReserved, amountRefunded } = paymentIn(order, ref, 'captured');
  return {
    ...paymentIn(order, ref, 'captured'),
    amountReserved: amountReserved + reserved,
    amountRefunded: amountRefunded + refunded,
  };
}

export function paymentOf(order: Order, ref: string): Payment {
  const payment = order.payments[ref];
  if (payment === undefined) throw new Error(`${order.ref} has no payment ${ref}`);
  return payment;
}

export function refundOf(order: Order, ref: string): Refund {
  const refund = order.refunds[ref];
  if (refund === undefined) throw new Error(`${order.ref} has no refund ${ref}`);
  return refund;
}

function paymentIn<P extends Phase>(order: Order, ref: string, phase: P): PaymentIn<P> {
  const payment = paymentOf(order, ref);
  if (payment.phase !== phase) throw new Error(`${ref} is ${payment.phase}, not ${phase}`);
  return payment as PaymentIn<P>;
}

/** Whether a command's outcome is part of this order already: then its reply is to be read, not made. */
export function isCarriedOut(order: Order, command: Command): boolean {
  if (command.kind === 'pay') return command.paymentRef in order.payments;
  return command.kind === 'refund' && command.refundRef in order.refunds;
}

/** The payment that keeps others from being charged, if there is one. */
export function holderOf(order: Order): Payment | undefined {
  return Object.values(order.payments).find((payment) => holdsTheOrder(payment.phase));
}

export function isPayable(order: Order): boolean {
  return (order.status === 'created' || order.status === 'attempted') && !order.cancelRequested;
}

export function hasRefund(order: Order, { ref }: Payment): boolean {
  return Object.values(order.refunds).some(({ paymentRef }) => paymentRef === ref);
}

/** The payment that has paid this order, refunded or not; there is never a second one. */
export function takenOf(order: Order): PaymentIn<'captured' | 'refunded'> | undefined {
  return Object.values(order.payments).find((payment) => 'amountCaptured' in payment);
}

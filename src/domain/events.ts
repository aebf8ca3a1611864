import type { CaptureMode, OrderSource } from './order.ts';
import type { Currency } from './money.ts';
import type { Reason } from './errors.ts';
import type { NextAction } from './outcome.ts';
import type { Method } from './payment.ts';
import type { CommandKind, RepairAction } from './commands.ts';

/** Facts in the past tense, numbered per order. Amounts are minor units, times epoch ms. No free text, no personal data. */
export interface EventData {
  'order.created': {
    id: string;
    merchantId: string;
    amount: number;
    currency: Currency;
    captureMode: CaptureMode;
    /** How long an authorization may stay uncaptured, in ms. */
    captureWindowMs: number;
    source: OrderSource;
    expiresAt: number;
  };
  'order.paid': { paymentRef: string; amount: number };
  'order.expired': Record<string, never>;
  'order.cancel_requested': Record<string, never>;
  'command.refused': { kind: CommandKind; reason: Reason };
  'payment.submitted': {
    paymentRef: string;
    id: string;
    commandId: string;
    amount: number;
    method: Method;
    flags: string[];
    review: boolean;
    acceptedAt: number;
  };
  'payment.action_required': { paymentRef: string; action: NextAction };
  'payment.unknown': { paymentRef: string; cause: string };
  'payment.given_up': { paymentRef: string; reason: Reason };
  'payment.authorized': { paymentRef: string; reference: string; captureBefore: number };
  'payment.late_authorized': { paymentRef: string; reference: string; captureBefore: number };
  'payment.review_requested': { paymentRef: string; reviewBy: number };
  'payment.approved_in_review': { paymentRef: string; by: string };
  'payment.capture_unknown': { paymentRef: string; key: string; amount: number };
  'payment.capture_declined': { paymentRef: string; reason: Reason };
  'payment.void_requested': { paymentRef: string; key: string; reason: Reason };
  'payment.captured': { paymentRef: string; amount: number; reference: string };
  'payment.voided': { paymentRef: string; reason: Reason };
  'payment.failed': { paymentRef: string; reason: Reason };
  'payment.refunded': { paymentRef: string };
  'payment.deadline_extended': { paymentRef: string; until: number };
  'payment.repaired': { paymentRef: string; action: RepairAction; by: string };
  'refund.created': { paymentRef: string; refundRef: string; id: string; amount: number; key: string };
  'refund.processed': { paymentRef: string; refundRef: string; amount: number; reference: string };
  'refund.failed': { paymentRef: string; refundRef: string; amount: number; reason: Reason };
}

export type EventType = keyof EventData;
/** The ones that move a payment from phase to phase; `TRANSITIONS` says how. */
export type PaymentEventType = Exclude<
  Extract<EventType, `payment.${string}`>,
  'payment.submitted' | 'payment.repaired'
>;

export type OrderEvent = {
  [T in EventType]: {
    readonly seq: number;
    readonly at: number;
    readonly type: T;
    readonly data: EventData[T];
  };
}[EventType];

/** What merchants are told; everything else is internal. */
export const PUBLIC_EVENTS = [
  'payment.captured',
  'payment.failed',
  'order.paid',
  'refund.processed',
  'order.expired',
  'payment.authorized',
  'payment.late_authorized',
  'payment.voided',
  'refund.created',
  'refund.failed',
] as const satisfies readonly EventType[];
export type PublicEventType = (typeof PUBLIC_EVENTS)[number];

/** What a merchant's `webhook_url` receives unless it subscribes to more. */
export const DEFAULT_SUBSCRIPTION: readonly PublicEventType[] = PUBLIC_EVENTS.slice(0, 4);

export function isPublicEvent(type: string): type is PublicEventType {
  return (PUBLIC_EVENTS as readonly string[]).includes(type);
}

/** `payload` of a delivery. `amount`, `status` and `method` are the payment's; of an order that nobody paid, the order's. */
export interface EventPayload {
  payment_ref: string | null;
  order_ref: string;
  amount: number;
  method: Method | null;
  status: string;
  refund_ref?: string;
  refund_amount?: number;
  refund_status?: string;
}

const API_VERSION = '2026-11-01';

/** The exact bytes of a delivery of this event, the same at every try, in every resend and in `GET /v1/events`. */
export function eventBody(event: {
  id: string;
  type: string;
  at: string;
  sequence: number;
  payload: EventPayload;
}): string {
  const { payload } = event;
  return JSON.stringify({
    id: event.id,
    event: event.type,
    created_at: event.at,
    sequence: event.sequence,
    api_version: API_VERSION,
    payload: {
      payment_ref: payload.payment_ref,
      order_ref: payload.order_ref,
      amount: payload.amount,
      method: payload.method,
      status: payload.status,
      ...(payload.refund_ref === undefined
        ? {}
        : {
            refund_ref: payload.refund_ref,
            refund_amount: payload.refund_amount,
            refund_status: payload.refund_status,
          }),
    },
  });
}

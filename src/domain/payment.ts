import type { Reason } from './errors.ts';
import type { PaymentEventType } from './events.ts';
import type { NextAction } from './outcome.ts';

export const METHODS = ['upi', 'card', 'netbanking', 'wallet'] as const;
export type Method = (typeof METHODS)[number];

/**
 * Where a payment is and who moves it on. Finer than the API's `phase` (see `apiPhase`).
 * - `awaiting_customer`: the payer, on the bank's page; else the action's expiry.
 * - `unknown`: us, by asking the bank with the key we sent.
 * - `abandoning`: us, until the bank confirms that the given-up payment can never succeed.
 * - `authorized`: the merchant (capture, void), else `captureBefore`.
 * - `in_review`: an operator, else `reviewBy`.
 * - `capturing`, `voiding`: us, until the bank has answered the capture or void that is owed.
 * - `captured`: the merchant, by refunds. `refunded`, `voided`, `failed`: nobody, this is the end.
 */
export const PHASES = [
  'submitted',
  'awaiting_customer',
  'unknown',
  'abandoning',
  'authorized',
  'in_review',
  'capturing',
  'voiding',
  'captured',
  'refunded',
  'voided',
  'failed',
] as const;
export type Phase = (typeof PHASES)[number];

/** The whole machine: phase × event → next phase. What is not here cannot happen. */
export const TRANSITIONS = {
  submitted: {
    'payment.action_required': 'awaiting_customer',
    'payment.unknown': 'unknown',
    'payment.given_up': 'abandoning',
    'payment.authorized': 'authorized',
    'payment.late_authorized': 'authorized',
    'payment.captured': 'captured',
    'payment.failed': 'failed',
  },
  awaiting_customer: {
    'payment.given_up': 'abandoning',
    'payment.authorized': 'authorized',
    'payment.captured': 'captured',
    'payment.failed': 'failed',
  },
  unknown: {
    'payment.action_required': 'awaiting_customer',
    'payment.given_up': 'abandoning',
    'payment.authorized': 'authorized',
    'payment.captured': 'captured',
    'payment.failed': 'failed',
  },
  abandoning: {
    'payment.late_authorized': 'authorized',
    'payment.captured': 'captured',
    'payment.failed': 'failed',
  },
  authorized: {
    'payment.review_requested': 'in_review',
    'payment.capture_unknown': 'capturing',
    'payment.void_requested': 'voiding',
    'payment.captured': 'captured',
    'payment.voided': 'voided',
    'payment.deadline_extended': 'authorized',
  },
  in_review: {
    'payment.approved_in_review': 'authorized',
    'payment.void_requested': 'voiding',
    'payment.voided': 'voided',
    'payment.deadline_extended': 'in_review',
  },
  capturing: {
    'payment.capture_declined': 'authorized',
    'payment.void_requested': 'voiding',
    'payment.captured': 'captured',
    'payment.voided': 'voided',
  },
  voiding: {
    'payment.captured': 'captured',
    'payment.voided': 'voided',
  },
  captured: { 'payment.refunded': 'refunded' },
  refunded: {},
  voided: {},
  failed: {},
} as const satisfies Record<Phase, Partial<Record<PaymentEventType, Phase>>>;

interface PaymentFacts {
  readonly id: string;
  readonly ref: string;
  /** The pay command: the root of the keys of the authorization and its automatic capture. */
  readonly commandId: string;
  readonly amount: number;
  readonly method: Method;
  readonly flags: readonly string[];
  /** A rule asks for a human before the money is taken. */
  readonly review: boolean;
  readonly acceptedAt: number;
  readonly createdAt: number;
}

/** What the bank holds for us once it has approved. */
export interface Authorization {
  readonly reference: string;
  readonly authorizedAt: number;
}

/** One payment as data: each phase carries only what is true in it. Times are epoch ms. */
export type Payment = PaymentFacts &
  (
    | { readonly phase: 'submitted' }
    | {
        readonly phase: 'awaiting_customer';
        readonly nextAction: NextAction;
        readonly since: number;
        /** Its outcome was unknown once: a "declined" is not its end, only a confirmed abandon is. */
        readonly doubted: boolean;
      }
    | { readonly phase: 'unknown'; readonly since: number }
    | { readonly phase: 'abandoning'; readonly since: number; readonly reason: Reason }
    | {
        readonly phase: 'authorized';
        readonly authorization: Authorization;
        readonly captureBefore: number;
      }
    | {
        readonly phase: 'in_review';
        readonly authorization: Authorization;
        readonly captureBefore: number;
        readonly reviewBy: number;
      }
    | {
        readonly phase: 'capturing';
        readonly authorization: Authorization;
        readonly captureBefore: number;
        readonly since: number;
        readonly capture: { readonly key: string; readonly amount: number };
      }
    | {
        readonly phase: 'voiding';
        readonly authorization: Authorization;
        readonly since: number;
        readonly key: string;
        readonly reason: Reason;
      }
    | {
        readonly phase: 'captured' | 'refunded';
        readonly authorization: Authorization;
        readonly capturedAt: number;
        readonly amountCaptured: number;
        /** Given back for good. */
        readonly amountRefunded: number;
        /** Given back or on its way: what is left of `amountCaptured` beside it can still be refunded. */
        readonly amountReserved: number;
      }
    | {
        readonly phase: 'voided' | 'failed';
        readonly authorization: Authorization | null;
        readonly reason: Reason;
        readonly failedAt: number;
      }
  );

export type PaymentIn<P extends Phase> = Payment & { readonly phase: P };

/** The API's `phase`: our own errands are shown as the state they leave. */
export function apiPhase(phase: Phase): string {
  if (phase === 'abandoning') return 'unknown';
  return phase === 'capturing' || phase === 'voiding' ? 'authorized' : phase;
}

export type PaymentStatus = 'created' | 'authorized' | 'captured' | 'refunded' | 'failed';

/** The API's `status`, coarser than `phase`. */
export function paymentStatus(phase: Phase): PaymentStatus {
  switch (phase) {
    case 'submitted':
    case 'awaiting_customer':
    case 'unknown':
    case 'abandoning':
      return 'created';
    case 'authorized':
    case 'in_review':
    case 'capturing':
    case 'voiding':
      return 'authorized';
    case 'captured':
      return 'captured';
    case 'refunded':
      return 'refunded';
    case 'voided':
    case 'failed':
      return 'failed';
  }
}

/** While a payment is in one of these nothing else may be charged for its order. */
export function holdsTheOrder(phase: Phase): boolean {
  return (
    phase === 'unknown' ||
    phase === 'in_review' ||
    phase === 'authorized' ||
    phase === 'capturing' ||
    phase === 'voiding'
  );
}

/** The end, whatever comes: a replayed reply shows these as they were when the command was answered. */
export function isFinal(phase: Phase): boolean {
  return phase === 'captured' || phase === 'refunded' || phase === 'voided' || phase === 'failed';
}

/**
 * What the bank said about one step. `unknown` is not an answer: the line broke or stayed silent, and
 * it stays so until the bank, asked again with our own key, or a named human says otherwise.
 */
export type Outcome = Approved | Declined | RequiresAction | Pending | Unknown;

/** `reference` is the bank's own; captures, voids and refunds name the authorization by it. */
export interface Approved {
  readonly type: 'approved';
  readonly reference: string;
}
export interface Declined {
  readonly type: 'declined';
  readonly reason: DeclineReason;
  readonly reference: string | null;
}
/** The payer has to do something first (3-D Secure, UPI approval, netbanking login, wallet OTP). */
export interface RequiresAction {
  readonly type: 'requires_action';
  readonly reference: string;
  readonly action: NextAction;
}
/** The bank has it and has not decided: ask again later. */
export interface Pending {
  readonly type: 'pending';
  readonly reference: string;
}
export interface Unknown {
  readonly type: 'unknown';
  readonly cause: string;
}

export const DECLINE_REASONS = [
  'payment_declined',
  'insufficient_funds',
  'card_expired',
  'incorrect_cvv',
  'payment_cancelled',
  'authorization_voided',
  'authorization_abandoned',
  'amount_exceeds_authorization',
  'refund_declined',
  'account_not_found',
] as const;
export type DeclineReason = (typeof DECLINE_REASONS)[number];

/** Times are epoch milliseconds. */
export interface NextAction {
  readonly type: 'redirect' | 'upi_intent' | 'otp';
  readonly url: string;
  readonly intentUrl: string | null;
  readonly expiresAt: number;
}

/** The answer to "what became of this key?". `not_found`: the bank never saw it. */
export type Lookup = { readonly type: 'not_found' } | Outcome;

/**
 * The answer to `abandon(key)`, which is atomic at the bank. `abandoned`: the key was unused (or
 * waiting for its payer and could be closed) and can never succeed from now on. `happened`: it had
 * ended before, nothing was changed. `not_yet`: the bank cannot say; ask again.
 */
export type Abandonment =
  | { readonly type: 'abandoned' }
  | { readonly type: 'happened'; readonly outcome: Approved | Declined }
  | { readonly type: 'not_yet' }
  | Unknown;

/** The answer to a void. `already_captured`: the money was taken before; it has to be refunded instead. */
export type VoidOutcome = Outcome | { readonly type: 'already_captured'; readonly amount: number };

import type { Method } from './payment.ts';

/** The five rules of the guide, as pure functions over facts that were counted when the pay was accepted. */

export const FRAUD_RULES = [
  'high_value',
  'duplicate_amount',
  'high_frequency',
  'invalid_vpa',
  'merchant_velocity',
] as const;
export type FraudRule = (typeof FRAUD_RULES)[number];

/** `flag` only marks, `review` holds the authorized money for an operator, `block` never reaches the bank. */
export type FraudAction = 'flag' | 'review' | 'block';
export type FraudActions = Readonly<Partial<Record<FraudRule, FraudAction>>>;

/** Paise; more than this is `high_value`. */
const HIGH_VALUE = 5_000_000;
export const VELOCITY_WINDOW_SECONDS = 60;
export const HIGH_FREQUENCY_ATTEMPTS = 5;
export const MERCHANT_VELOCITY_PAYMENTS = 50;

/** Counted in the window before this pay, each count stopped at its threshold. */
export interface FraudSignals {
  /** Of the same order or the same payer at this merchant, with the same amount. */
  readonly sameAmount: number;
  /** Of the same order or the same payer at this merchant. */
  readonly attempts: number;
  /** Of this merchant. */
  readonly merchantPayments: number;
  /** Whether a UPI address has an `@`; true for other methods. */
  readonly vpaValid: boolean;
  readonly actions: FraudActions;
}

export interface FraudVerdict {
  readonly flags: FraudRule[];
  readonly action: FraudAction | 'none';
}

export function judge(
  payment: { readonly amount: number; readonly method: Method },
  signals: FraudSignals,
): FraudVerdict {
  const broken: Record<FraudRule, boolean> = {
    high_value: payment.amount > HIGH_VALUE,
    duplicate_amount: signals.sameAmount > 0,
    high_frequency: signals.attempts >= HIGH_FREQUENCY_ATTEMPTS,
    invalid_vpa: payment.method === 'upi' && !signals.vpaValid,
    merchant_velocity: signals.merchantPayments >= MERCHANT_VELOCITY_PAYMENTS,
  };
  const flags = FRAUD_RULES.filter((rule) => broken[rule]);
  const actions = flags.map((rule) => signals.actions[rule] ?? 'flag');
  return { flags, action: strongest(actions) };
}

function strongest(actions: readonly FraudAction[]): FraudVerdict['action'] {
  for (const action of ['block', 'review', 'flag'] as const) {
    if (actions.includes(action)) return action;
  }
  return 'none';
}

/**
 * The test values: what the simulated bank does with which card, VPA, bank code or amount. Everything
 * that is not listed succeeds.
 */

export type CardBehaviour =
  | 'approve'
  | 'decline'
  | 'insufficient_funds'
  | 'card_expired'
  | 'incorrect_cvv'
  | 'challenge'
  | 'slow';

const CARDS: Readonly<Record<string, CardBehaviour>> = {
  '4000000000000002': 'decline',
  '4000000000009995': 'insufficient_funds',
  '4000000000000069': 'card_expired',
  '4000000000000127': 'incorrect_cvv',
  '4000002760003184': 'challenge',
  '4000000000006975': 'slow',
};

export function cardBehaviour(number: string): CardBehaviour {
  return CARDS[number] ?? 'approve';
}

export type ActionType = 'redirect' | 'upi_intent' | 'otp';

/**
 * What becomes of an authorize call at once.
 * - `waiting`: for the payer; `undecided`: `late@payflow` before the bank has made up its mind.
 * - `answers`: whether the caller hears of it, and when. `not_while_undecided` answers once it is decided.
 */
export type Plan = { readonly answers: 'now' | 'late' | 'never' | 'not_while_undecided' } & (
  | { readonly state: 'approved' | 'undecided' }
  | { readonly state: 'declined'; readonly reason: string }
  | { readonly state: 'waiting'; readonly action: ActionType }
);

const APPROVED: Plan = { state: 'approved', answers: 'now' };
const declined = (reason: string): Plan => ({ state: 'declined', reason, answers: 'now' });
const waiting = (action: ActionType): Plan => ({ state: 'waiting', action, answers: 'now' });

const CARD_PLANS: Readonly<Record<CardBehaviour, Plan>> = {
  approve: APPROVED,
  decline: declined('payment_declined'),
  insufficient_funds: declined('insufficient_funds'),
  card_expired: declined('card_expired'),
  incorrect_cvv: declined('incorrect_cvv'),
  challenge: waiting('redirect'),
  slow: { state: 'approved', answers: 'late' },
};

export function cardPlan(card: { behaviour: CardBehaviour; expiresAt: Date } | null, now: number): Plan {
  if (card === null) return declined('account_not_found');
  if (card.expiresAt.getTime() <= now) return CARD_PLANS.card_expired;
  return CARD_PLANS[card.behaviour];
}

const UPI_PLANS: Readonly<Record<string, Plan>> = {
  'failure@payflow': declined('payment_declined'),
  'insufficient@payflow': declined('insufficient_funds'),
  'pending@payflow': waiting('upi_intent'),
  'timeout@payflow': { state: 'approved', answers: 'never' },
  'late@payflow': { state: 'undecided', answers: 'not_while_undecided' },
};

export function upiPlan(vpa: string | undefined): Plan {
  return UPI_PLANS[vpa?.toLowerCase() ?? ''] ?? APPROVED;
}

export function netbankingPlan(bankCode: string | undefined): Plan {
  if (bankCode === undefined) return waiting('redirect');
  return bankCode.toUpperCase() === 'FAIL' ? declined('payment_declined') : APPROVED;
}

export function walletPlan(otp: string | undefined): Plan {
  if (otp === undefined) return waiting('otp');
  return isGoodOtp(otp) ? APPROVED : declined('payment_declined');
}

const OTP = /^\d{4,}$/;

export function isGoodOtp(otp: string): boolean {
  return OTP.test(otp);
}

/** By the last two digits of the amount in minor units. */
export function refundPlan(amount: number): 'approved' | 'pending' | 'declined' {
  if (amount % 100 === 13) return 'pending';
  return amount % 100 === 17 ? 'declined' : 'approved';
}

const NETWORKS: Readonly<Record<string, string>> = {
  '3': 'Amex',
  '4': 'Visa',
  '5': 'Mastercard',
  '6': 'RuPay',
};

export function cardNetwork(number: string): string {
  return NETWORKS[number.charAt(0)] ?? 'Unknown';
}

/** The check digit of card numbers (Luhn, ISO/IEC 7812-1). */
export function hasCheckDigit(number: string): boolean {
  let sum = 0;
  for (let index = 0; index < number.length; index++) {
    const digit = Number(number[number.length - 1 - index]);
    const doubled = index % 2 === 1 ? digit * 2 : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}

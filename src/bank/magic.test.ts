import {
  cardBehaviour,
  cardNetwork,
  cardPlan,
  hasCheckDigit,
  isGoodOtp,
  netbankingPlan,
  refundPlan,
  upiPlan,
  walletPlan,
} from './magic.ts';

const CARDS = [
  ['4111111111111111', 'approve', 'Visa'],
  ['5555555555554444', 'approve', 'Mastercard'],
  ['6074820000000009', 'approve', 'RuPay'],
  ['378282246310005', 'approve', 'Amex'],
  ['4000000000000002', 'decline', 'Visa'],
  ['4000000000009995', 'insufficient_funds', 'Visa'],
  ['4000000000000069', 'card_expired', 'Visa'],
  ['4000000000000127', 'incorrect_cvv', 'Visa'],
  ['4000002760003184', 'challenge', 'Visa'],
  ['4000000000006975', 'slow', 'Visa'],
] as const;

test.each(CARDS)('card %s → %s, %s, and its check digit is right', (number, behaviour, network) => {
  expect(cardBehaviour(number)).toBe(behaviour);
  expect(cardNetwork(number)).toBe(network);
  expect(hasCheckDigit(number)).toBe(true);
});

test('a card with one digit changed → its check digit is wrong', () => {
  expect(hasCheckDigit('4111111111111112')).toBe(false);
  expect(hasCheckDigit('4111111111111171')).toBe(false);
});

test('a card beyond its month → card_expired, a token that nobody knows → account_not_found', () => {
  const card = { behaviour: 'approve', expiresAt: new Date(1_000) } as const;
  expect(cardPlan(card, 999)).toMatchObject({ state: 'approved' });
  expect(cardPlan(card, 1_000)).toMatchObject({ state: 'declined', reason: 'card_expired' });
  expect(cardPlan(null, 0)).toMatchObject({ state: 'declined', reason: 'account_not_found' });
});

test('a VPA is compared without case; any other one and none is approved', () => {
  expect(upiPlan('Failure@PayFlow')).toMatchObject({ state: 'declined', reason: 'payment_declined' });
  expect(upiPlan('jane@okbank')).toEqual(upiPlan('success@payflow'));
  expect(upiPlan(undefined)).toEqual(upiPlan('success@payflow'));
});

test('netbanking and wallet without their answer wait for the payer', () => {
  expect(netbankingPlan(undefined)).toMatchObject({ state: 'waiting', action: 'redirect' });
  expect(walletPlan(undefined)).toMatchObject({ state: 'waiting', action: 'otp' });
  expect(netbankingPlan('FAIL')).toMatchObject({ state: 'declined' });
  expect(netbankingPlan('SUCC')).toMatchObject({ state: 'approved' });
});

test.each([
  ['', false],
  ['123', false],
  ['1234', true],
  ['123456', true],
  ['12a4', false],
])('one-time code "%s" → %s', (otp, good) => {
  expect(isGoodOtp(otp)).toBe(good);
  expect(walletPlan(otp).state).toBe(good ? 'approved' : 'declined');
});

test.each([
  [13, 'pending'],
  [17, 'declined'],
  [113, 'pending'],
  [100_017, 'declined'],
  [1_300, 'approved'],
  [1_700, 'approved'],
] as const)('a refund of %d → %s', (amount, state) => {
  expect(refundPlan(amount)).toBe(state);
});

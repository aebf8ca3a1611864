import {
  FRAUD_RULES,
  HIGH_FREQUENCY_ATTEMPTS,
  judge,
  MERCHANT_VELOCITY_PAYMENTS,
  type FraudActions,
  type FraudSignals,
} from './fraud.ts';
import { QUIET } from './test-story.ts';

const small = { amount: 100, method: 'card' } as const;
const everything: FraudSignals = {
  ...QUIET,
  sameAmount: 1,
  attempts: 5,
  merchantPayments: 50,
  vpaValid: false,
};

test.each([
  ['nothing unusual', small, {}, []],
  ['50,000.00 exactly', { ...small, amount: 5_000_000 }, {}, []],
  ['a paisa more than 50,000.00', { ...small, amount: 5_000_001 }, {}, ['high_value']],
  ['the same amount a moment ago', small, { sameAmount: 1 }, ['duplicate_amount']],
  ['the fourth earlier attempt', small, { attempts: HIGH_FREQUENCY_ATTEMPTS - 1 }, []],
  ['the fifth earlier attempt', small, { attempts: HIGH_FREQUENCY_ATTEMPTS }, ['high_frequency']],
  ['a UPI address without @', { ...small, method: 'upi' }, { vpaValid: false }, ['invalid_vpa']],
  ['a card, whatever is said of a UPI address', small, { vpaValid: false }, []],
  ['49 payments of the merchant', small, { merchantPayments: MERCHANT_VELOCITY_PAYMENTS - 1 }, []],
  [
    '50 payments of the merchant',
    small,
    { merchantPayments: MERCHANT_VELOCITY_PAYMENTS },
    ['merchant_velocity'],
  ],
] as const)('%s → %3$j', (_, payment, change, flags) => {
  expect(judge(payment, { ...QUIET, ...change }).flags).toEqual(flags);
});

test("the guide's five rules, thresholds and window are the ones we have", () => {
  expect(FRAUD_RULES).toEqual([
    'high_value',
    'duplicate_amount',
    'high_frequency',
    'invalid_vpa',
    'merchant_velocity',
  ]);
  expect([HIGH_FREQUENCY_ATTEMPTS, MERCHANT_VELOCITY_PAYMENTS]).toEqual([5, 50]);
});

test('all rules broken at once → all flags, in the order of the guide', () => {
  expect(judge({ amount: 5_000_001, method: 'upi' }, everything).flags).toEqual(FRAUD_RULES);
});

test.each([
  ['no rule broken → none, whatever the actions', QUIET, { high_value: 'block' }, 'none'],
  ['broken without an action → flag', everything, {}, 'flag'],
  ['flag and review → review', everything, { duplicate_amount: 'review' }, 'review'],
  ['review and block → block', everything, { duplicate_amount: 'review', high_frequency: 'block' }, 'block'],
  ['an action of a rule that is not broken does not count', everything, { high_value: 'block' }, 'flag'],
] satisfies [string, FraudSignals, FraudActions, string][])('%s', (_, signals, actions, action) => {
  expect(judge({ amount: 100, method: 'upi' }, { ...signals, actions }).action).toBe(action);
});

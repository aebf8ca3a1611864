import type { Answer } from './client.ts';
import type { Walk } from './merchant.ts';

/**
 * One way through the order workflow. `before` brings an order to where the path begins and is left in
 * peace; the steps of `run` are those at which something is killed.
 */
export interface Path {
  readonly name: string;
  readonly order?: object;
  readonly before?: (walk: Walk) => Promise<Answer>;
  readonly run: (walk: Walk, before: Answer) => Promise<unknown>;
}

/** Of a path that begins with a new order. */
export const NOTHING_BEFORE: Answer = { status: 0, body: {}, tries: 0, ms: 0, at: '' };

const upi = (vpa: string) => ({ method: 'upi', vpa });
const GOOD = upi('success@payflow');
const CHALLENGED_CARD = {
  method: 'card',
  card_number: '4000002760003184',
  card_expiry: '12/40',
  card_cvv: '123',
  card_name: 'Jane Doe',
};
const MANUAL = { payment_capture: 'manual' };

const payWell = (walk: Walk) => walk.pay(GOOD);
const ref = (answer: Answer) => String(answer.body['payment_ref']);

export const PATHS: readonly Path[] = [
  { name: 'paid', run: payWell },
  { name: 'declined', run: (walk) => walk.pay(upi('failure@payflow')) },
  {
    name: 'paid at the second try',
    before: (walk) => walk.pay(upi('failure@payflow')),
    run: payWell,
  },
  { name: 'the bank takes the money and is silent', run: (walk) => walk.pay(upi('timeout@payflow')) },
  { name: 'the bank makes up its mind late', run: (walk) => walk.pay(upi('late@payflow')) },
  {
    name: 'the payer approves (3-D Secure)',
    run: async (walk) => walk.decide(await walk.pay(CHALLENGED_CARD), 'approve'),
  },
  {
    name: 'the payer declines (UPI)',
    run: async (walk) => walk.decide(await walk.pay(upi('pending@payflow')), 'decline'),
  },
  {
    name: 'a new pay takes the place of one that waits',
    before: (walk) => walk.pay({ method: 'netbanking' }),
    run: payWell,
  },
  { name: 'authorized', order: MANUAL, run: payWell },
  {
    name: 'captured by hand',
    order: MANUAL,
    before: payWell,
    run: (walk, paid) => walk.change('capture', ref(paid), { amount: 20_000 }),
  },
  {
    name: 'voided',
    order: MANUAL,
    before: payWell,
    run: (walk, paid) => walk.change('void', ref(paid)),
  },
  {
    name: 'refunded',
    before: payWell,
    run: (walk, paid) => walk.change('refund', ref(paid), { amount: 10_000 }),
  },
  {
    name: 'refund declined',
    before: payWell,
    run: (walk, paid) => walk.change('refund', ref(paid), { amount: 10_017 }),
  },
  {
    name: 'refunded for the rest',
    before: async (walk) => {
      const paid = await payWell(walk);
      await walk.change('refund', ref(paid), { amount: 9_900 });
      return paid;
    },
    run: (walk, paid) => walk.change('refund', ref(paid)),
  },
];

/** Of these every step is swept whenever the tests are run. */
export const QUICK_PATHS: readonly string[] = ['paid', 'refunded'];

import type { Abandonment, Approved, Declined, Lookup, Outcome, VoidOutcome } from './outcome.ts';
import { ACTION } from './test-story.ts';

/** A bank in memory, for the tests of this folder: it does each key once and never forgets. */

export const PLANS = ['approve', 'decline', 'wait', 'late'] as const;
/** `wait`: for its payer. `late`: is silent, says declined when it is asked, and turns out to have succeeded. */
export type Plan = (typeof PLANS)[number];

type State = 'held' | 'captured' | 'voided' | 'declined' | 'waiting' | 'late' | 'abandoned';
interface Held {
  state: State;
  readonly amount: number;
  captured: number;
  refunded: number;
}

const declined: Declined = { type: 'declined', reason: 'payment_declined', reference: null };
const gone: Declined = { type: 'declined', reason: 'authorization_abandoned', reference: null };
const STATE = { approve: 'held', decline: 'declined', wait: 'waiting', late: 'late' } as const;

export function createBank() {
  const held = new Map<string, Held>();
  const refunds = new Map<string, Outcome>();
  const approved = (key: string): Approved => ({ type: 'approved', reference: key });

  function fetch(key: string): Lookup {
    const one = held.get(key);
    if (one === undefined) return { type: 'not_found' };
    if (one.state === 'waiting') return { type: 'requires_action', reference: key, action: ACTION };
    if (one.state === 'declined' || one.state === 'late') return declined;
    return one.state === 'abandoned' ? gone : approved(key);
  }

  return {
    fetch,
    authorize(key: string, amount: number, plan: Plan): Lookup {
      if (!held.has(key)) held.set(key, { state: STATE[plan], amount, captured: 0, refunded: 0 });
      return held.get(key)?.state === 'late' ? { type: 'unknown', cause: 'silence' } : fetch(key);
    },
    /** The payer on the bank's page. */
    payerActs(key: string, agrees: boolean): void {
      const one = held.get(key);
      if (one?.state === 'waiting') one.state = agrees ? 'held' : 'declined';
    },
    abandon(key: string): Abandonment {
      const one = held.get(key) ?? { state: 'waiting', amount: 0, captured: 0, refunded: 0 };
      held.set(key, one);
      if (one.state === 'late') one.state = 'held';
      if (one.state === 'waiting') one.state = 'abandoned';
      if (one.state === 'abandoned') return { type: 'abandoned' };
      return { type: 'happened', outcome: one.state === 'declined' ? declined : approved(key) };
    },
    capture(reference: string, amount: number): Outcome {
      const one = held.get(reference)!;
      if (one.state === 'held') Object.assign(one, { state: 'captured', captured: amount });
      return one.state === 'captured' ? approved(reference) : { ...declined, reason: 'authorization_voided' };
    },
    void(reference: string): VoidOutcome {
      const one = held.get(reference)!;
      if (one.state === 'captured') return { type: 'already_captured', amount: one.captured };
      one.state = 'voided';
      return approved(reference);
    },
    refund(reference: string, key: string, amount: number): Outcome {
      const one = held.get(reference)!;
      if (!refunds.has(key)) {
        const possible = one.captured - one.refunded >= amount;
        if (possible) one.refunded += amount;
        refunds.set(key, possible ? approved(key) : { ...declined, reason: 'refund_declined' });
      }
      return refunds.get(key)!;
    },
    /** What it has taken and not given back. */
    balance: () => [...held.values()].reduce((sum, one) => sum + one.captured - one.refunded, 0),
    /** Money of payers that nobody took and nobody released. */
    forgotten: () =>
      [...held].filter(([, { state }]) => state === 'held' || state === 'late').map(([key]) => key),
  };
}
export type TestBank = ReturnType<typeof createBank>;

import { LRUCache } from 'lru-cache';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { PayflowError } from '../../domain/errors.ts';
import type { RateLimits, Spending } from '../middleware/rate-limit.ts';

export interface LoginAttempt {
  readonly email: string;
  /** Where it comes from, as `networkOf` says. */
  readonly network: string;
}

export interface LoginGuard {
  /**
   * Does the work, which looks at the password. Throws `too_many_requests` instead where there were too
   * many wrong ones: for which the work throws `invalid_credentials`. Other failures count for nothing.
   */
  signIn<T>(attempt: LoginAttempt, work: () => Promise<T>): Promise<T>;
}

/** So many wrong passwords from one network for one account in an hour wait for nothing. */
const FREE_TRIES = 10;
const FORGET_SECONDS = 3_600;
const WAIT_SECONDS_MAX = 900;
/** Behind a shared address there can be an attacker beside the owner: the owner still gets his turn. */
const WAIT_SECONDS_MAX_WHERE_KNOWN = 30;
const KNOWN_PLACES_MAX = 100_000;
const KNOWN_MS = 30 * 86_400_000;

/**
 * Guessing gets slower and slower, and nobody can lock an owner out. A place is a network and an
 * account. Where somebody has signed in before, only the wrong passwords of that very place count, with
 * short waits; from anywhere else those of the whole network and those for the account count too. So
 * whoever fails on an account from other networks, however many, does not touch its owner's usual ones.
 */
export function createLoginGuard(limits: Pick<RateLimits, 'spend' | 'giveBack'>): LoginGuard {
  const known = new LRUCache<string, true>({ max: KNOWN_PLACES_MAX, ttl: KNOWN_MS });
  const tries = new RateLimiterMemory({ points: FREE_TRIES, duration: FORGET_SECONDS });
  const waits = new RateLimiterMemory({ points: 1, duration: WAIT_SECONDS_MAX });
  const admit = async (place: string, spendings: readonly Spending[]) => {
    const wait = await waits.get(place);
    if (wait !== null) throw comeBackIn(wait.msBeforeNext);
    await limits.spend(spendings);
    // Counted before the password is compared, or a hundred at once would all be the first.
    const { consumedPoints } = await tries.penalty(place);
    if (consumedPoints < FREE_TRIES) return;
    try {
      await waits.consume(place, 1, { customDuration: waitSeconds(consumedPoints, known.has(place)) });
    } catch (refused) {
      // Of several at once one has the turn.
      await Promise.all([tries.reward(place), limits.giveBack(spendings)]);
      throw refused instanceof RateLimiterRes ? comeBackIn(refused.msBeforeNext) : refused;
    }
  };
  return {
    async signIn(attempt, work) {
      const place = placeOf(attempt);
      const spendings = known.has(place) ? [] : strangersSpendings(attempt);
      await admit(place, spendings);
      try {
        const done = await work();
        known.set(place, true);
        await Promise.all([tries.delete(place), waits.delete(place), limits.giveBack(spendings)]);
        return done;
      } catch (error) {
        if (!isWrongPassword(error)) {
          await Promise.all([tries.reward(place), waits.delete(place), limits.giveBack(spendings)]);
        }
        throw error;
      }
    },
  };
}

function isWrongPassword(error: unknown): boolean {
  return error instanceof PayflowError && error.reason === 'invalid_credentials';
}

function waitSeconds(tries: number, isKnown: boolean): number {
  return Math.min(2 ** (tries - FREE_TRIES), isKnown ? WAIT_SECONDS_MAX_WHERE_KNOWN : WAIT_SECONDS_MAX);
}

function strangersSpendings({ email, network }: LoginAttempt): Spending[] {
  return [
    { limit: 'loginByNetwork', by: network },
    { limit: 'loginByAccount', by: accountOf(email) },
  ];
}

function placeOf({ email, network }: LoginAttempt): string {
  return `${network} ${accountOf(email)}`;
}

/** However it is written, it is one account; whether there is such an account makes no difference. */
function accountOf(email: string): string {
  return email.trim().toLowerCase();
}

function comeBackIn(ms: number): PayflowError {
  return new PayflowError('too_many_requests', {
    text: 'Too many failed sign-ins; try again later',
    retryAfterSeconds: Math.max(1, ms / 1_000),
  });
}

import ipaddr from 'ipaddr.js';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { ERRORS, PayflowError } from '../../domain/errors.ts';

/** How many in how many seconds. */
export interface Limit {
  readonly points: number;
  readonly seconds: number;
}

/**
 * Per process: of several API processes each counts what it sees, and together they let so many times
 * as much pass. That is right for what a limit is to protect here, a process and somebody's password;
 * the limits on money (one payment at a time, fifty tries per order) are Postgres' and count once.
 *
 * Those per network are ten times higher in development, where everybody comes from one address.
 */
export const LIMITS = {
  registerByNetwork: { points: 30, seconds: 60 },
  /** Wrong ones, from networks from which nobody has signed in to that account. */
  loginByNetwork: { points: 30, seconds: 60 },
  /** Wrong ones, from all such networks together. */
  loginByAccount: { points: 100, seconds: 3_600 },
  /** Payments that reach the bank: many payers can share the address of a mobile network. */
  payByNetwork: { points: 1_200, seconds: 60 },
  /** A hundred impatient clicks are answered, each of them. */
  payByOrder: { points: 300, seconds: 60 },
  /** Somebody who tries out stolen cards needs many orders or many cards for one. */
  declinedCardsByNetwork: { points: 60, seconds: 600 },
  declinedCardsByOrder: { points: 10, seconds: 600 },
  requestsByKey: { points: 5_000, seconds: 10 },
} as const satisfies Record<string, Limit>;

export type LimitName = keyof typeof LIMITS;
export type Limits = Readonly<Record<LimitName, Limit>>;

const DEVELOPMENT_FACTOR = 10;

/** One thing that a request uses up: `by` is the network, order, key or account that it counts for. */
export interface Spending {
  readonly limit: LimitName;
  readonly by: string;
}

export interface RateLimits {
  /** Throws `too_many_requests`, with the time to wait, where nothing is left; then nothing is spent. */
  spend(spendings: readonly Spending[]): Promise<void>;
  giveBack(spendings: readonly Spending[]): Promise<void>;
  /** As `spend`, of what is not known to be used up before it is: for these `count` follows. */
  check(spending: Spending): Promise<void>;
  count(spending: Spending): Promise<void>;
  /** Spends, does the work, and gives back what its answer does not cost. */
  within<R extends { readonly status: number }>(
    spendings: readonly Spending[],
    work: () => Promise<R>,
  ): Promise<R>;
}

export function createRateLimits(limits: Limits, { development }: { development: boolean }): RateLimits {
  const counters = new Map(
    (Object.keys(limits) as LimitName[]).map((name) => {
      const { points, seconds } = limits[name];
      const factor = development && name.endsWith('ByNetwork') ? DEVELOPMENT_FACTOR : 1;
      return [name, new RateLimiterMemory({ points: points * factor, duration: seconds })];
    }),
  );
  const giveBack: RateLimits['giveBack'] = async (spendings) => {
    for (const { limit, by } of spendings) await counters.get(limit)!.reward(by);
  };
  const spend: RateLimits['spend'] = async (spendings) => {
    for (const [index, { limit, by }] of spendings.entries()) {
      try {
        await counters.get(limit)!.consume(by);
      } catch (refused) {
        await giveBack(spendings.slice(0, index + 1));
        throw refusalOf(refused, limit);
      }
    }
  };
  return {
    spend,
    giveBack,
    async check({ limit, by }) {
      const counter = counters.get(limit)!;
      const found = await counter.get(by);
      if (found !== null && found.consumedPoints >= counter.points) throw refusalOf(found, limit);
    },
    async count({ limit, by }) {
      await counters.get(limit)!.penalty(by);
    },
    async within(spendings, work) {
      await spend(spendings);
      let status = 500;
      try {
        const reply = await work();
        status = reply.status;
        return reply;
      } catch (error) {
        if (error instanceof PayflowError) ({ status } = ERRORS[error.reason]);
        throw error;
      } finally {
        await giveBack(spendings.filter(({ limit }) => isFree(limit, status)));
      }
    },
  };
}

/** What a limit has to say to people, where "too many requests" would tell them nothing. */
const TEXTS: Partial<Record<LimitName, string>> = {
  loginByNetwork: 'Too many failed sign-ins; try again later',
  loginByAccount: 'Too many failed sign-ins; try again later',
  declinedCardsByNetwork: 'Too many cards were declined; try again later, or pay in another way',
  declinedCardsByOrder: 'Too many cards were declined; try again later, or pay in another way',
};

function refusalOf(refused: unknown, limit: LimitName): unknown {
  if (!(refused instanceof RateLimiterRes)) return refused;
  const text = TEXTS[limit];
  return new PayflowError('too_many_requests', {
    retryAfterSeconds: Math.max(1, refused.msBeforeNext / 1_000),
    ...(text === undefined ? {} : { text }),
  });
}

/** Whom we ask to come again, or who was told that this order cannot be paid now. */
const BEFORE_THE_BANK: readonly number[] = [202, 400, 404, 409];

function isFree(limit: LimitName, status: number): boolean {
  if (limit === 'requestsByKey') return false;
  if (status >= 500) return true;
  if (limit === 'payByNetwork') return BEFORE_THE_BANK.includes(status);
  return limit === 'payByOrder' && status === 202;
}

const IPV6_NETWORK_PARTS = 4;
const TEXT_LENGTH_MAX = 64;

/** An IPv4 address, or the /64 of an IPv6 one: whoever has one address there has all of them. */
export function networkOf(address: string): string {
  if (!ipaddr.isValid(address)) return address.slice(0, TEXT_LENGTH_MAX);
  const parsed = ipaddr.process(address);
  if (parsed instanceof ipaddr.IPv4) return parsed.toString();
  const parts = parsed.parts.slice(0, IPV6_NETWORK_PARTS);
  return `${parts.map((part) => part.toString(16)).join(':')}::/64`;
}

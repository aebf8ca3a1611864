import type { ApiContext } from '../context.ts';
import { networkOf, type RateLimits } from '../middleware/rate-limit.ts';

interface CardPay<A> {
  readonly ctx: ApiContext;
  readonly orderRef: string;
  readonly pays: () => Promise<A>;
}

/**
 * Pays by card unless too many cards were declined for this order or from this network: numbers that
 * were stolen or made up are tried out by paying. Other methods stay open, for this order too.
 */
export async function payByCard<A extends { readonly body: { readonly status: string } }>(
  limits: RateLimits,
  { ctx, orderRef, pays }: CardPay<A>,
): Promise<A> {
  const ofNetwork = { limit: 'declinedCardsByNetwork', by: networkOf(ctx.ip) } as const;
  const ofOrder = { limit: 'declinedCardsByOrder', by: orderRef } as const;
  // One payment at a time: what this order's last one came to is counted when the next one asks.
  await limits.check(ofOrder);
  // A network can try many orders at once: counted as declined until it is not.
  await limits.spend([ofNetwork]);
  let isDeclined = false;
  try {
    const answer = await pays();
    isDeclined = answer.body.status === 'failed' && !ctx.res.hasHeader('Idempotent-Replayed');
    if (isDeclined) await limits.count(ofOrder);
    return answer;
  } finally {
    if (!isDeclined) await limits.giveBack([ofNetwork]);
  }
}

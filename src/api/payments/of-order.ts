import type pg from 'pg';
import type { z } from 'zod';
import { paymentsOfOrder, submittedPaymentOfOrder } from '../../db/payments.ts';
import { invalidCursor, pageOf } from '../next-page.ts';
import { presentPayment, presentSubmitted } from './present.ts';
import type { payment, paymentsQuery } from './schema.ts';

type Shown = z.input<typeof payment>;

/** All tries to pay an order, newest first, also the one that was accepted and is not recorded yet. */
export async function paymentsAsTheyStand(
  pool: pg.Pool,
  merchantId: string,
  orderRef: string,
): Promise<Shown[]> {
  // In this order: one that is recorded between the two looks is found by the second.
  const submitted = await submittedPaymentOfOrder(pool, merchantId, orderRef);
  const shown = (await paymentsOfOrder(pool, merchantId, orderRef)).map(presentPayment);
  if (submitted === null || shown.some((each) => each.payment_ref === submitted.command.paymentRef))
    return shown;
  return [presentSubmitted(submitted), ...shown];
}

/** An order takes fifty tries at most: a page of them is cut from the whole list. */
export function pageOfPayments(
  all: readonly Shown[],
  query: z.output<typeof paymentsQuery>,
): { rows: Shown[]; more: boolean } {
  const page = pageOf(query);
  const { startingAfter, endingBefore, limit, skip } = page;
  const cursor = startingAfter ?? endingBefore;
  const place = all.findIndex((each) => each.payment_ref === cursor);
  if (cursor !== null && place === -1) throw invalidCursor(page);
  const beyond = endingBefore === null ? all.slice(place + 1) : all.slice(0, place).toReversed();
  const matching = beyond.filter((each) => matches(each, query)).slice(skip);
  const rows = matching.slice(0, limit);
  return { rows: endingBefore === null ? rows : rows.toReversed(), more: matching.length > limit };
}

function matches(shown: Shown, { status, method, from, to }: z.output<typeof paymentsQuery>): boolean {
  return (
    (status === undefined || shown.status === status) &&
    (method === undefined || shown.method === method) &&
    // Both are ISO 8601 in UTC with milliseconds.
    (from === undefined || shown.created_at >= from) &&
    (to === undefined || shown.created_at <= to)
  );
}

import { ensureHouseMerchant, HOUSE_MERCHANT_ID } from '../../db/house-merchant.ts';
import { findMerchantOfUser } from '../../db/merchants.ts';
import { findTransaction, insertTransaction, type Transaction } from '../../db/transactions.ts';
import type { User } from '../../db/users.ts';
import { PayflowError } from '../../domain/errors.ts';
import { instrumentOf, payOrder, type PayDeps } from '../checkout/pay.ts';
import type { ApiContext } from '../context.ts';
import type { ApiDeps } from '../deps.ts';
import type { Idempotency } from '../middleware/guard.ts';
import { openOrderToPay, type OpenDeps } from '../orders/open.ts';
import { payOf } from './instrument.ts';
import { statusOf } from './present.ts';
import { paiseOf } from './rupees.ts';
import type { TransactionBody } from './schema.ts';

export type MakeDeps = PayDeps & OpenDeps & Pick<ApiDeps, 'knex'>;

interface Making {
  readonly sender: User;
  readonly body: TransactionBody;
  readonly idempotency: Idempotency;
  readonly ctx: ApiContext;
}

/**
 * An order, its row for the legacy API, and its pay, each of them once for all repeats of the request:
 * whichever of them a first request did not get to is done by the next one.
 */
export async function makeTransaction(
  deps: MakeDeps,
  { sender, body, idempotency, ctx }: Making,
): Promise<{ row: Transaction; replayed: boolean }> {
  const amount = positivePaise(body);
  const pay = payOf(body, { sender, development: deps.config.development });
  const { method } = instrumentOf(pay);
  const merchantId = await payeeOf(deps, sender);
  // A sender's name for his own request: another sender's is another one.
  const { idempotency_key: key } = body;
  const requestHash = idempotency.hash({ amount });
  const request = { scope: `${sender.id} POST /transactions`, key, requestHash };
  const { orderRef, replayed } = await openOrderToPay(deps, {
    merchantId,
    source: 'legacy',
    amount,
    request,
  });
  const about = { userId: sender.id, idempotencyKey: key };
  await insertTransaction(deps.pool, { orderRef, merchantId, method, sender: about });
  const known = await transactionOf(deps.pool, orderRef);
  // A repeat finds its first pay; there is none if the first request was cut off for good.
  if (known.payment_ref === null && statusOf(known) === 'failed') return { row: known, replayed };
  await payOrder(deps, { ctx, orderRef, body: pay, key, hash: idempotency.hash });
  return { row: await transactionOf(deps.pool, orderRef), replayed };
}

function positivePaise(body: TransactionBody): number {
  const amount = paiseOf(body.amount);
  if (amount > 0) return amount;
  throw new PayflowError('amount_not_positive', { field: 'amount', text: 'Amount must be greater than 0' });
}

/** Whom a transaction pays: of a merchant its own profile, of everybody else the house. */
async function payeeOf({ pool, knex }: MakeDeps, sender: User): Promise<string> {
  if (sender.role !== 'merchant') {
    await ensureHouseMerchant(pool);
    return HOUSE_MERCHANT_ID;
  }
  const own = await findMerchantOfUser(knex, sender.id);
  if (own === null) throw new PayflowError('merchant_not_found');
  if (!own.isActive) throw new PayflowError('merchant_inactive');
  return own.id;
}

export async function transactionOf(pool: MakeDeps['pool'], orderRef: string): Promise<Transaction> {
  const found = await findTransaction(pool, { by: 'all' }, { orderRef });
  if (found === null) throw new Error(`${orderRef}: a transaction that was just written is gone`);
  return found;
}

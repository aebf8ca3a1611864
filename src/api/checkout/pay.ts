import { acceptPay, twinOf, type Payer } from '../../db/accept.ts';
import type { Asked } from '../../db/commands.ts';
import { findPayableOrder, type OrderLabel, type PayableOrder } from '../../db/orders.ts';
import { newId, newPaymentRef } from '../../db/refs.ts';
import { PayflowError, type Reason } from '../../domain/errors.ts';
import type { Currency } from '../../domain/money.ts';
import { METHODS, type Method } from '../../domain/payment.ts';
import { answerCommand, refuseWithoutEngine } from '../answer-command.ts';
import type { ApiContext } from '../context.ts';
import type { CardData, CardToken } from '../../domain/card.ts';
import type { ApiDeps } from '../deps.ts';
import { InvalidRequest } from '../middleware/invalid-request.ts';
import { paymentAsItStands, shownPayment } from '../payments/routes.ts';
import { checkCard } from './card.ts';
import type { PayBody } from './schema.ts';

export type PayDeps = Pick<ApiDeps, 'pool' | 'engine' | 'tokenizeCard'> & {
  readonly fingerprint: (cardNumber: string) => string;
};

export interface Pay {
  readonly ctx: ApiContext;
  readonly orderRef: string;
  readonly body: PayBody;
  readonly key: string | null;
  readonly hash: (body: unknown) => string;
}

/** What `payOrder` refuses, whichever route an order is paid by. */
export const PAY_REFUSALS = [
  'merchant_inactive',
  'unsupported_method',
  'order_already_paid',
  'order_expired',
  'too_many_payments',
  'payment_in_progress',
  'bank_unavailable',
] as const satisfies readonly Reason[];

/** One try to pay an order: 200 with whatever was recorded, 202 while nothing is. */
export async function payOrder(deps: PayDeps, pay: Pay) {
  const { ctx, body, orderRef } = pay;
  const order = await payableOrder(deps, orderRef);
  if ((body.order_ref ?? orderRef) !== orderRef) {
    throw new PayflowError('order_ref_mismatch', { field: 'order_ref' });
  }
  const { method, card } = instrumentOf(body);
  const paymentRef = newPaymentRef();
  const asked = askedFor(deps, { order, pay, card });
  const acceptance = (await twinOf(deps.pool, asked)) ?? (await accept());
  const { reply, replayed } = await answerCommand({ engine: deps.engine, ctx }, labelOf(order), acceptance);
  if (reply?.payment === undefined) {
    return { status: 202 as const, body: await paymentAsItStands(deps, order.merchant_id, paymentRef) };
  }
  return { status: 200 as const, body: await shownPayment(deps, reply.payment, replayed) };

  async function accept() {
    refuseWithoutEngine(deps.engine);
    const payer = await payerOf(deps, body, card);
    const vpaValid = method !== 'upi' || (body.vpa ?? '').includes('@');
    return acceptPay(deps.pool, asked, { paymentId: newId(), paymentRef, method, vpaValid, payer });
  }
}

/** The order of the page, for whoever knows its ref; a suspended merchant's is closed. */
export async function payableOrder({ pool }: Pick<PayDeps, 'pool'>, orderRef: string): Promise<PayableOrder> {
  const order = await findPayableOrder(pool, orderRef);
  if (order === null) throw new PayflowError('order_not_found');
  if (!order.merchant_active) throw new PayflowError('merchant_inactive');
  return order;
}

/** What is paid with, as far as that can be checked here. Throws with the name of the wrong field. */
export function instrumentOf(body: PayBody): { method: Method; card: CardData | null } {
  const method = methodOf(body.method);
  const card = method === 'card' ? checkCard(body) : null;
  if (method === 'upi' && body.vpa === undefined) throw missing('vpa');
  return { method, card };
}

function methodOf(text: string): Method {
  const method = METHODS.find((known) => known === text.toLowerCase());
  if (method === undefined) throw new PayflowError('unsupported_method', { field: 'method' });
  return method;
}

function missing(field: string): InvalidRequest {
  return new InvalidRequest([{ loc: ['body', field], msg: 'Field required', type: 'missing' }]);
}

/** The hash tells card from card by fingerprint and knows nothing of the security code. */
function askedFor(
  deps: PayDeps,
  { order, pay, card }: { order: PayableOrder; pay: Pay; card: CardData | null },
): Asked {
  const { card_number: _number, card_cvv: _cvv, idempotency_key: _key, ...rest } = pay.body;
  const hashed = { ...rest, card: card === null ? null : deps.fingerprint(card.number) };
  return {
    commandId: newId(),
    orderRef: order.order_ref,
    merchantId: order.merchant_id,
    scope: `${order.order_ref} POST /pay`,
    key: pay.key,
    requestHash: pay.key === null ? '' : pay.hash(hashed),
  };
}

function labelOf(order: PayableOrder): OrderLabel {
  return {
    orderRef: order.order_ref,
    merchantId: order.merchant_id,
    merchantName: order.business_name,
    amount: order.amount,
    currency: order.currency as Currency,
    source: order.source,
  };
}

/** The card goes to the bank's vault here and nowhere else; what comes back may be kept. */
async function payerOf(deps: PayDeps, body: PayBody, card: CardData | null): Promise<Payer> {
  const token = card === null ? null : await tokenOf(deps, card);
  return {
    email: body.email ?? null,
    contact: body.contact ?? null,
    vpa: body.vpa ?? null,
    bankCode: body.bank_code ?? null,
    wallet: body.wallet ?? null,
    otp: body.otp ?? null,
    cardToken: token?.token ?? null,
    cardFingerprint: card === null ? null : deps.fingerprint(card.number),
    cardLast4: token?.last4 ?? null,
    cardNetwork: token?.network ?? null,
  };
}

async function tokenOf({ tokenizeCard }: PayDeps, card: CardData): Promise<CardToken> {
  try {
    return await tokenizeCard(card);
  } catch (error) {
    const refused = error instanceof PayflowError && error.reason === 'invalid_request';
    if (!refused) throw error;
    const msg = 'The bank does not take this card number';
    throw new InvalidRequest([{ loc: ['body', 'card_number'], msg, type: 'value_error' }]);
  }
}

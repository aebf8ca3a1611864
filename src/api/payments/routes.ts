import { acceptForPayment, twinOf, type PaymentRequest } from '../../db/accept.ts';
import type { Asked } from '../../db/commands.ts';
import { labelOfPayment, type OrderLabel } from '../../db/orders.ts';
import { findPayment, findSubmittedPayment, payerOf } from '../../db/payments.ts';
import { newId } from '../../db/refs.ts';
import { PayflowError } from '../../domain/errors.ts';
import { isFinal } from '../../domain/payment.ts';
import { answerCommand, refuseWithoutEngine, type Answer } from '../answer-command.ts';
import type { ApiContext } from '../context.ts';
import type { ApiDeps } from '../deps.ts';
import type { Idempotency } from '../middleware/guard.ts';
import { route, type Route } from '../middleware/guard.ts';
import type { ApiCaller } from '../middleware/key-cache.ts';
import { json } from '../middleware/responses.ts';
import { presentPayment, presentPaymentOf, presentSubmitted } from './present.ts';
import { captureBody, payment, paymentParams, voidBody } from './schema.ts';

type Deps = Pick<ApiDeps, 'pool' | 'engine'>;

const TAGS = ['Payments'];

export function paymentRoutes(deps: Deps): Route[] {
  return [find(deps), capture(deps), voidPayment(deps)];
}

function find(deps: Deps): Route {
  return route({
    method: 'get',
    path: '/v1/payments/{payment_ref}',
    summary: 'Get a payment',
    tags: TAGS,
    auth: 'key',
    scopes: ['read'],
    params: paymentParams,
    paramsReason: 'payment_not_found',
    responses: { 200: json('The payment', payment) },
    reasons: ['payment_not_found'],
    handler: async ({ caller, params }) => ({
      status: 200,
      body: await paymentAsItStands(deps, caller.merchantId, params.payment_ref),
    }),
  });
}

/** From the tables or, while nothing is recorded, from its command. */
export async function paymentAsItStands(
  { pool }: Pick<Deps, 'pool'>,
  merchantId: string,
  paymentRef: string,
) {
  const row = await findPayment(pool, merchantId, paymentRef);
  if (row !== null) return presentPayment(row);
  const submitted = await findSubmittedPayment(pool, merchantId, paymentRef);
  if (submitted !== null) return presentSubmitted(submitted);
  // It may have been recorded between the two looks.
  const recorded = await findPayment(pool, merchantId, paymentRef);
  if (recorded === null) throw new PayflowError('payment_not_found');
  return presentPayment(recorded);
}

function capture(deps: Deps): Route {
  return route({
    method: 'post',
    path: '/v1/payments/{payment_ref}/capture',
    summary: 'Capture an authorized payment',
    tags: TAGS,
    auth: 'key',
    scopes: ['write'],
    params: paymentParams,
    paramsReason: 'payment_not_found',
    body: captureBody.optional(),
    responses: { 200: json('The payment', payment), 202: json('Accepted, not yet carried out', payment) },
    reasons: [
      'payment_not_found',
      'cannot_capture',
      'capture_exceeds_authorization',
      'capture_declined',
      'command_in_progress',
    ],
    idempotency: 'order',
    handler: async ({ caller, params, body, idempotency, ctx }) => {
      const { payment_ref: paymentRef } = params;
      const request = { kind: 'capture', paymentRef, amount: body?.amount ?? null } as const;
      return changePayment(deps, { caller, ctx, request, asked: { idempotency, body: body ?? {} } });
    },
  });
}

function voidPayment(deps: Deps): Route {
  return route({
    method: 'post',
    path: '/v1/payments/{payment_ref}/void',
    summary: 'Release an authorized payment',
    tags: TAGS,
    auth: 'key',
    scopes: ['write'],
    params: paymentParams,
    paramsReason: 'payment_not_found',
    body: voidBody.optional(),
    responses: { 200: json('The payment', payment), 202: json('Accepted, not yet carried out', payment) },
    reasons: ['payment_not_found', 'cannot_void', 'command_in_progress'],
    idempotency: 'order',
    handler: async ({ caller, params, idempotency, ctx }) => {
      const request = { kind: 'void', paymentRef: params.payment_ref, amount: null } as const;
      return changePayment(deps, { caller, ctx, request, asked: { idempotency, body: {} } });
    },
  });
}

interface Change {
  readonly caller: Pick<ApiCaller, 'merchantId'>;
  readonly ctx: ApiContext;
  readonly request: PaymentRequest;
  readonly asked: { readonly idempotency: Idempotency; readonly body: unknown };
}

async function changePayment(deps: Deps, change: Change) {
  const { caller, request } = change;
  const { reply, replayed } = await commandPayment(deps, change);
  const row = reply?.payment;
  if (row === undefined) {
    return {
      status: 202 as const,
      body: await paymentAsItStands(deps, caller.merchantId, request.paymentRef),
    };
  }
  return { status: 200 as const, body: await shownPayment(deps, row, replayed) };
}

/** What a reply says of a payment; a replay of one that had not ended shows it as it is by now. */
export async function shownPayment(
  deps: Pick<Deps, 'pool'>,
  row: Parameters<typeof presentPaymentOf>[0],
  replayed: boolean,
) {
  if (replayed && !isFinal(row.phase)) return paymentAsItStands(deps, row.merchant_id, row.payment_ref);
  const payer = await payerOf(deps.pool, row.payment_ref);
  if (payer === null) throw new PayflowError('payment_not_found');
  return presentPaymentOf(row, payer);
}

/** Accepts a command about a payment of the caller and waits for its reply. */
export async function commandPayment(deps: Deps, { caller, ctx, request, asked }: Change): Promise<Answer> {
  const { pool, engine } = deps;
  const label = await labelOfPayment(pool, caller.merchantId, request.paymentRef);
  if (label === null) throw new PayflowError('payment_not_found');
  const about = askedFor(label, request, asked);
  const acceptance = (await twinOf(pool, about)) ?? (await accept());
  return answerCommand({ engine, ctx }, label, acceptance);

  function accept() {
    refuseWithoutEngine(engine);
    return acceptForPayment(pool, about, request);
  }
}

function askedFor(label: OrderLabel, request: PaymentRequest, { idempotency, body }: Change['asked']): Asked {
  const { key } = idempotency;
  return {
    commandId: newId(),
    orderRef: label.orderRef,
    merchantId: label.merchantId,
    scope: `${label.merchantId} POST /v1/payments/${request.kind}`,
    key,
    requestHash: key === null ? '' : idempotency.hash(body),
  };
}

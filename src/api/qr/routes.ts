import { findPayeeByQr, replaceQrToken, type Payee } from '../../db/merchants.ts';
import { insertTransaction } from '../../db/transactions.ts';
import { PayflowError } from '../../domain/errors.ts';
import { createCardFingerprint } from '../checkout/card.ts';
import { instrumentOf, PAY_REFUSALS, payOrder, type PayDeps } from '../checkout/pay.ts';
import type { ApiDeps } from '../deps.ts';
import { presentMerchant } from '../merchants/present.ts';
import { merchant } from '../merchants/schema.ts';
import { route, type Route } from '../middleware/guard.ts';
import { json, text } from '../middleware/responses.ts';
import { openOrderToPay, type OpenDeps } from '../orders/open.ts';
import { payment } from '../payments/schema.ts';
import { presentPayee } from './present.ts';
import { qrPng } from './png.ts';
import { payee, qrParams, qrPayBody } from './schema.ts';

type Deps = Pick<ApiDeps, 'pool' | 'knex' | 'engine' | 'tokenizeCard' | 'clock' | 'config'>;

const TAGS = ['QR codes'];

export function qrRoutes(deps: Deps): Route[] {
  const payDeps = { ...deps, fingerprint: createCardFingerprint(deps.config.secretKey) };
  return [image(deps), regenerate(deps), showPayee(deps), pay(payDeps)];
}

function image({ config }: Pick<Deps, 'config'>): Route {
  return route({
    method: 'get',
    path: '/merchants/me/qr-code',
    summary: 'The QR code of the own shop',
    description: 'Leads whoever scans it to the page where he enters an amount and pays.',
    tags: TAGS,
    auth: 'merchant',
    responses: { 200: text('The code', 'image/png') },
    handler: async ({ caller }) => ({
      status: 200,
      body: qrPng(`${config.frontendUrl}/scan/${caller.merchant.qrToken}`),
      headers: { 'Content-Type': 'image/png' },
    }),
  });
}

function regenerate({ knex }: Pick<Deps, 'knex'>): Route {
  return route({
    method: 'post',
    path: '/merchants/me/qr-code/regenerate',
    summary: 'Replace the QR code of the own shop',
    description: 'The old one is dead at once.',
    tags: TAGS,
    auth: 'merchant',
    responses: { 200: json('The merchant with its new token', merchant) },
    handler: async ({ caller }) => ({
      status: 200,
      body: presentMerchant(await replaceQrToken(knex, caller.merchant.id)),
    }),
  });
}

function showPayee({ pool }: Pick<Deps, 'pool'>): Route {
  return route({
    method: 'get',
    path: '/pay/qr/{qr_token}/merchant',
    summary: 'Who is paid by a QR code',
    tags: TAGS,
    auth: 'none',
    params: qrParams,
    paramsReason: 'qr_code_not_found',
    responses: { 200: json('Who is paid', payee) },
    reasons: ['qr_code_not_found'],
    handler: async ({ params }) => ({
      status: 200,
      body: presentPayee(await payeeOf(pool, params.qr_token)),
    }),
  });
}

function pay(deps: PayDeps & OpenDeps): Route {
  return route({
    method: 'post',
    path: '/pay/qr/{qr_token}',
    summary: 'Pay by QR code',
    description:
      'Makes an order of the merchant over this amount, in INR, and pays it. ' +
      'The key of a repeated request finds the order and the payment of the first one.',
    tags: TAGS,
    auth: 'none',
    params: qrParams,
    paramsReason: 'qr_code_not_found',
    body: qrPayBody,
    responses: {
      200: json('The payment as it was recorded', payment),
      202: json('Accepted, and nothing recorded yet', payment),
    },
    reasons: ['qr_code_not_found', 'amount_not_positive', ...PAY_REFUSALS],
    idempotency: 'order',
    limits: ['payByNetwork'],
    handler: async ({ ctx, params, body: { amount, ...body }, idempotency }) => {
      const { id: merchantId } = await payeeOf(deps.pool, params.qr_token);
      if (amount <= 0) {
        const text = 'Amount must be greater than 0';
        throw new PayflowError('amount_not_positive', { field: 'amount', text });
      }
      // Whatever is wrong with the request is said before there is an order.
      const { method } = instrumentOf(body);
      const key = idempotency.key ?? body.idempotency_key ?? null;
      // Under its key the order is told by the amount, and the pay by all the rest: one that was refused
      // before it was accepted may come again with another card.
      const requestHash = key === null ? '' : idempotency.hash({ amount });
      const request = { scope: `${params.qr_token} POST /pay/qr`, key, requestHash };
      const { orderRef } = await openOrderToPay(deps, { merchantId, source: 'qr', amount, request });
      await insertTransaction(deps.pool, { orderRef, merchantId, method, sender: null });
      return payOrder(deps, { ctx, orderRef, body, key, hash: idempotency.hash });
    },
  });
}

async function payeeOf(pool: Deps['pool'], qrToken: string): Promise<Payee> {
  const found = await findPayeeByQr(pool, qrToken);
  if (found === null) throw new PayflowError('qr_code_not_found');
  return found;
}

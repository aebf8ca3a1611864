import { findRefund, listRefunds, refundReason } from '../../db/payments.ts';
import { newId, newRefundRef } from '../../db/refs.ts';
import { PayflowError } from '../../domain/errors.ts';
import { labelOfPayment } from '../../db/orders.ts';
import type { ApiDeps } from '../deps.ts';
import { route, type Route } from '../middleware/guard.ts';
import { json } from '../middleware/responses.ts';
import { invalidCursor, pageHeaders, pageOf } from '../next-page.ts';
import { commandPayment } from '../payments/routes.ts';
import { paymentParams } from '../payments/schema.ts';
import { presentRefund } from './present.ts';
import { acceptedRefund, refund, refundBody, refunds, refundsQuery } from './schema.ts';

type Deps = Pick<ApiDeps, 'pool' | 'engine'>;

const TAGS = ['Refunds'];

export function refundRoutes(deps: Deps): Route[] {
  return [create(deps), list(deps)];
}

function create(deps: Deps): Route {
  return route({
    method: 'post',
    path: '/v1/payments/{payment_ref}/refund',
    summary: 'Refund a captured payment, in full or in part',
    tags: TAGS,
    auth: 'key',
    scopes: ['refund'],
    params: paymentParams,
    paramsReason: 'payment_not_found',
    body: refundBody.optional(),
    responses: {
      201: json('The refund', refund),
      202: json('Accepted, not yet carried out', acceptedRefund),
    },
    reasons: ['payment_not_found', 'cannot_refund', 'refund_exceeds_refundable', 'command_in_progress'],
    idempotency: 'order',
    handler: async ({ caller, params, body, idempotency, ctx }) => {
      const { payment_ref: paymentRef } = params;
      const refundRef = newRefundRef();
      const texts = { reason: body?.reason ?? null, notes: body?.notes ?? null };
      const { reply, replayed } = await commandPayment(deps, {
        caller,
        ctx,
        request: {
          kind: 'refund',
          paymentRef,
          amount: body?.amount ?? null,
          refund: { refundId: newId(), refundRef, ...texts },
        },
        asked: { idempotency, body: body ?? {} },
      });
      const row = reply?.refund;
      if (row === undefined) {
        const body = { payment_ref: paymentRef, refund_ref: refundRef, status: 'pending' as const };
        return { status: 202 as const, body };
      }
      // A replay of a refund that was pending shows it as it is by now.
      const current =
        replayed && row.status === 'pending'
          ? await findRefund(deps.pool, caller.merchantId, row.refund_ref)
          : null;
      return {
        status: 201 as const,
        body: presentRefund(current ?? row, await refundReason(deps.pool, row.refund_ref)),
      };
    },
  });
}

function list({ pool }: Deps): Route {
  return route({
    method: 'get',
    path: '/v1/payments/{payment_ref}/refunds',
    summary: 'List the refunds of a payment',
    description: 'Newest first.',
    tags: TAGS,
    auth: 'key',
    scopes: ['read'],
    params: paymentParams,
    paramsReason: 'payment_not_found',
    query: refundsQuery,
    responses: { 200: json('The refunds', refunds) },
    reasons: ['payment_not_found', 'invalid_cursor'],
    handler: async ({ caller: { merchantId }, params: { payment_ref: paymentRef }, query, ctx }) => {
      const page = pageOf(query);
      const found = await listRefunds(pool, { merchantId, paymentRef, page });
      if ((found?.rows.length ?? 0) === 0 && (await labelOfPayment(pool, merchantId, paymentRef)) === null) {
        throw new PayflowError('payment_not_found');
      }
      if (found === null) throw invalidCursor(page);
      const shown = found.rows.map((row) => presentRefund(row, row.reason));
      const headers = pageHeaders(ctx, { refs: shown.map((each) => each.refund_ref), more: found.more });
      return { status: 200, body: shown, headers };
    },
  });
}

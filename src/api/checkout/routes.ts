import { randomUUID } from 'node:crypto';
import { paymentsOfOrder } from '../../db/payments.ts';
import { ERRORS, PayflowError } from '../../domain/errors.ts';
import type { ApiContext } from '../context.ts';
import type { ApiDeps } from '../deps.ts';
import { route, type Route } from '../middleware/guard.ts';
import { InvalidRequest } from '../middleware/invalid-request.ts';
import { json, text } from '../middleware/responses.ts';
import { presentPayment } from '../payments/present.ts';
import { payment } from '../payments/schema.ts';
import { createCardFingerprint } from './card.ts';
import { CHECKOUT_POLICY, checkoutPage, errorPage } from './page.ts';
import { payableOrder, payOrder, type PayDeps } from './pay.ts';
import { payBody, payParams } from './schema.ts';

type Deps = Pick<ApiDeps, 'pool' | 'engine' | 'tokenizeCard' | 'config'>;

const TAGS = ['Checkout'];
const PATH = '/pay/{order_ref}';

export function checkoutRoutes(deps: Deps): Route[] {
  const payDeps: PayDeps = { ...deps, fingerprint: createCardFingerprint(deps.config.secretKey) };
  return [show(deps), pay(payDeps)].map(withHtmlErrors);
}

function show({ pool }: Pick<Deps, 'pool'>): Route {
  return route({
    method: 'get',
    path: PATH,
    summary: 'The payment page',
    description: 'Shows where the order stands; works without JavaScript.',
    tags: TAGS,
    auth: 'none',
    params: payParams,
    paramsReason: 'order_not_found',
    responses: { 200: text('The page', 'text/html') },
    reasons: ['order_not_found', 'merchant_inactive'],
    handler: async ({ params, ctx }) => ({ status: 200, body: await pageOf(pool, params.order_ref, ctx) }),
  });
}

/** The order's truth, whatever the payer did before: reloading it never pays twice. */
async function pageOf(pool: Deps['pool'], orderRef: string, ctx: ApiContext): Promise<string> {
  ctx.set('Content-Security-Policy', CHECKOUT_POLICY);
  ctx.type = 'text/html';
  const order = await payableOrder({ pool }, orderRef);
  const rows = await paymentsOfOrder(pool, order.merchant_id, orderRef);
  return checkoutPage({ order, payments: rows.map(presentPayment), key: randomUUID() });
}

function pay(deps: PayDeps): Route {
  return route({
    method: 'post',
    path: PATH,
    summary: 'Pay an order',
    description: 'A decline is an answer with `status: failed`; the order can be tried again.',
    tags: TAGS,
    auth: 'none',
    params: payParams,
    paramsReason: 'order_not_found',
    body: payBody,
    bodyTypes: ['json', 'form'],
    responses: {
      200: json('The payment as it was recorded', payment),
      202: json('Accepted, and nothing recorded yet', payment),
      303: text('Of the form: back to the page', 'text/plain'),
    },
    reasons: [
      'order_not_found',
      'merchant_inactive',
      'order_ref_mismatch',
      'unsupported_method',
      'order_already_paid',
      'order_expired',
      'too_many_payments',
      'payment_in_progress',
      'bank_unavailable',
    ],
    idempotency: 'order',
    handler: async ({ ctx, params, body, idempotency }) => {
      const orderRef = params.order_ref;
      const key = idempotency.key ?? body.idempotency_key ?? null;
      const answer = await payOrder(deps, { ctx, orderRef, body, key, hash: idempotency.hash });
      if (!isForm(ctx)) return answer;
      const next = answer.body.next_action?.url ?? `/pay/${orderRef}`;
      return { status: 303, body: '', headers: { Location: next } };
    },
  });
}

function isForm(ctx: ApiContext): boolean {
  return ctx.request.type === 'application/x-www-form-urlencoded';
}

/** A payer with a page in front of him gets a page for an answer, a program gets JSON. */
function withHtmlErrors({ doc, handle }: Route): Route {
  return {
    doc,
    async handle(ctx, gate) {
      try {
        await handle(ctx, gate);
      } catch (error) {
        const wantsPage = doc.method === 'get' || isForm(ctx);
        if (!wantsPage || !(error instanceof PayflowError)) throw error;
        ctx.set('Content-Security-Policy', CHECKOUT_POLICY);
        ctx.set('Cache-Control', 'no-store');
        ctx.status = ERRORS[error.reason].status;
        ctx.type = 'text/html';
        const faults = error instanceof InvalidRequest ? error.details.map(({ msg }) => msg) : [error.message];
        ctx.body = errorPage({ faults, back: error.reason.endsWith('_found') ? null : ctx.path });
      }
    },
  };
}

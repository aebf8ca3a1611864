import { randomUUID } from 'node:crypto';
import { ERRORS, type PayflowError } from '../../domain/errors.ts';
import type { ApiContext } from '../context.ts';
import type { ApiDeps } from '../deps.ts';
import { route, type Route } from '../middleware/guard.ts';
import { InvalidRequest, type Detail } from '../middleware/invalid-request.ts';
import type { RateLimits } from '../middleware/rate-limit.ts';
import { json, text } from '../middleware/responses.ts';
import { paymentsAsTheyStand } from '../payments/of-order.ts';
import { payment } from '../payments/schema.ts';
import { createCardFingerprint } from './card.ts';
import { CHECKOUT_POLICY, checkoutPage, errorPage } from '../../../checkout/page/page.ts';
import { payByCard } from './card-testing.ts';
import { PAY_REFUSALS, payableOrder, payOrder, type PayDeps } from './pay.ts';
import { payBody, payParams } from './schema.ts';

type Deps = Pick<ApiDeps, 'pool' | 'engine' | 'tokenizeCard' | 'clock' | 'config'>;

const TAGS = ['Checkout'];
const PATH = '/pay/{order_ref}';

export function checkoutRoutes(deps: Deps, limits: RateLimits): Route[] {
  const payDeps: PayDeps = { ...deps, fingerprint: createCardFingerprint(deps.config.secretKey) };
  return [show(deps), pay(payDeps, limits)].map(withErrorPages);
}

function show(deps: Deps): Route {
  return route({
    method: 'get',
    path: PATH,
    summary: 'The payment page',
    description: 'Shows where the order stands; works without JavaScript.',
    tags: TAGS,
    auth: 'none',
    params: payParams,
    paramsReason: 'order_not_found',
    errorPages: true,
    responses: { 200: text('The page', 'text/html') },
    reasons: ['order_not_found', 'merchant_inactive'],
    handler: async ({ params, ctx }) => ({ status: 200, body: await pageOf(deps, params.order_ref, ctx) }),
  });
}

/** The order's truth, whatever the payer did before: reloading it never pays twice. */
async function pageOf({ pool, clock }: Deps, orderRef: string, ctx: ApiContext): Promise<string> {
  ctx.set('Content-Security-Policy', CHECKOUT_POLICY);
  ctx.type = 'text/html';
  const order = await payableOrder({ pool }, orderRef);
  const payments = await paymentsAsTheyStand(pool, order.merchant_id, orderRef);
  const isOpen = order.status !== 'expired' && clock() < Date.parse(order.expires_at);
  const fromBank = ctx.query['from'] === 'bank';
  return checkoutPage({ order, payments, isOpen, fromBank, key: randomUUID() });
}

function pay(deps: PayDeps, limits: RateLimits): Route {
  return route({
    method: 'post',
    path: PATH,
    summary: 'Pay an order',
    description: 'A decline is an answer with `status: failed`; the order can be tried again.',
    tags: TAGS,
    auth: 'none',
    params: payParams,
    paramsReason: 'order_not_found',
    limits: ['payByNetwork', 'payByOrder'],
    body: payBody,
    bodyTypes: ['json', 'form'],
    errorPages: true,
    responses: {
      200: json('The payment as it was recorded', payment),
      202: json('Accepted, and nothing recorded yet', payment),
      303: text('Of the form: back to the page', 'text/plain'),
    },
    reasons: ['order_not_found', 'order_ref_mismatch', ...PAY_REFUSALS],
    idempotency: 'order',
    handler: async ({ ctx, params, body, idempotency }) => {
      const orderRef = params.order_ref;
      const key = idempotency.key ?? body.idempotency_key ?? null;
      const pays = () => payOrder(deps, { ctx, orderRef, body, key, hash: idempotency.hash });
      const isCard = body.method.toLowerCase() === 'card';
      const answer = isCard ? await payByCard(limits, { ctx, orderRef, pays }) : await pays();
      if (!isForm(ctx)) return answer;
      const next = answer.body.next_action?.url ?? `/pay/${orderRef}`;
      return { status: 303, body: '', headers: { Location: next } };
    },
  });
}

function isForm(ctx: ApiContext): boolean {
  return ctx.request.type.toLowerCase() === 'application/x-www-form-urlencoded';
}

/** A payer with a page in front of him gets a page for an answer, a program gets JSON. */
function withErrorPages({ doc, handle }: Route): Route {
  return {
    doc,
    handle(ctx, gate) {
      if (doc.method === 'get' || isForm(ctx)) ctx.state.errorPage = (refusal) => pageOfError(ctx, refusal);
      return handle(ctx, gate);
    },
  };
}

function pageOfError(ctx: ApiContext, refusal: PayflowError): string {
  const { status } = ERRORS[refusal.reason];
  ctx.set('Content-Security-Policy', CHECKOUT_POLICY);
  return errorPage({
    faults: refusal instanceof InvalidRequest ? refusal.details.map(inWords) : [refusal.message],
    // After a conflict or a failure of ours nobody knows yet what became of an earlier step.
    untouched: ctx.method === 'GET' || (status < 500 && status !== 409),
    back: status === 404 ? null : ctx.path,
  });
}

const LABELS: Record<string, string> = {
  vpa: 'UPI ID',
  card_number: 'Card number',
  card_expiry: 'Expiry',
  card_cvv: 'Security code',
  card_name: 'Name on the card',
  bank_code: 'Bank code',
  contact: 'Phone number',
  otp: 'One-time code',
};

function inWords({ loc, msg, type }: Detail): string {
  const label = LABELS[String(loc.at(-1))];
  // What is said of a card's fields names them.
  if (label === undefined || type === 'value_error') return msg;
  return type === 'missing' ? `${label} is missing` : `${label}: ${msg}`;
}

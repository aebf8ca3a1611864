import type { Asked } from '../../db/commands.ts';
import { findOrder, insertOrder, listOrders, orderTexts, type OrderTexts } from '../../db/orders.ts';
import { newId, newOrderRef } from '../../db/refs.ts';
import { PayflowError } from '../../domain/errors.ts';
import type { EventData } from '../../domain/events.ts';
import { CURRENCIES, type Currency } from '../../domain/money.ts';
import type { ApiDeps } from '../deps.ts';
import type { ApiCaller } from '../middleware/key-cache.ts';
import { route, type Route } from '../middleware/guard.ts';
import { REPLAYED } from '../middleware/idempotency.ts';
import { json } from '../middleware/responses.ts';
import { invalidCursor, pageHeaders, pageOf } from '../next-page.ts';
import { pageOfPayments, paymentsAsTheyStand } from '../payments/of-order.ts';
import { payments, paymentsQuery } from '../payments/schema.ts';
import { presentOrder } from './present.ts';
import { order, orderBody, orderParams, orders, ordersQuery } from './schema.ts';

type Deps = Pick<ApiDeps, 'pool' | 'engine' | 'clock' | 'config'>;

const TAGS = ['Orders'];

export function orderRoutes(deps: Deps): Route[] {
  return [create(deps), list(deps), find(deps), listPayments(deps)];
}

function create({ pool, engine, clock, config }: Deps): Route {
  return route({
    method: 'post',
    path: '/v1/orders',
    summary: 'Create an order',
    description: 'Send the payer to its `checkout_url`, or open it with payflow.js.',
    tags: TAGS,
    auth: 'key',
    scopes: ['write'],
    body: orderBody,
    responses: { 201: json('The order', order) },
    reasons: ['amount_not_positive', 'unsupported_currency'],
    idempotency: 'order',
    handler: async ({ caller, body, idempotency }) => {
      const { key } = idempotency;
      const currency = currencyOf(body.currency);
      if (body.amount <= 0) throw new PayflowError('amount_not_positive', { field: 'amount' });
      const asked: Asked = {
        commandId: newId(),
        orderRef: newOrderRef(),
        merchantId: caller.merchantId,
        scope: `${caller.merchantId} POST /v1/orders`,
        key,
        requestHash: key === null ? '' : idempotency.hash(body),
      };
      const texts: OrderTexts = { receipt: body.receipt ?? null, notes: body.notes ?? null };
      const at = clock();
      const created = createdOf(
        caller,
        { ...body, currency },
        { at, captureWindowMs: config.captureWindowMs },
      );
      const creation = await insertOrder(pool, { asked, at, created, texts });
      if (creation.type === 'replay' && creation.reply.ok && creation.reply.order !== undefined) {
        const first = { ...creation.reply.order, ...(await orderTexts(pool, creation.orderRef)) };
        return { status: 201, body: presentOrder(first, config.apiUrl), headers: REPLAYED };
      }
      if (creation.type !== 'created') throw new PayflowError('idempotency_key_reused');
      const event = { seq: 1, at, type: 'order.created', data: created } as const;
      await engine.start(labelOf(caller, asked.orderRef, created), event);
      return { status: 201, body: presentOrder(creation.order, config.apiUrl) };
    },
  });
}

function currencyOf(text: string): Currency {
  const currency = CURRENCIES.find((known) => known === text);
  if (currency === undefined) throw new PayflowError('unsupported_currency', { field: 'currency' });
  return currency;
}

function createdOf(
  caller: ApiCaller,
  body: { amount: number; currency: Currency; payment_capture: 'automatic' | 'manual'; expires_in: number },
  { at, captureWindowMs }: { at: number; captureWindowMs: number },
): EventData['order.created'] {
  return {
    id: newId(),
    merchantId: caller.merchantId,
    amount: body.amount,
    currency: body.currency,
    captureMode: body.payment_capture,
    captureWindowMs,
    source: 'api',
    expiresAt: at + body.expires_in * 1_000,
  };
}

function labelOf(caller: ApiCaller, orderRef: string, created: EventData['order.created']) {
  const { merchantId, amount, currency, source } = created;
  return { orderRef, merchantId, merchantName: caller.merchantName, amount, currency, source };
}

function list({ pool, config }: Deps): Route {
  return route({
    method: 'get',
    path: '/v1/orders',
    summary: 'List the orders',
    description: 'Newest first.',
    tags: TAGS,
    auth: 'key',
    scopes: ['read'],
    query: ordersQuery,
    responses: { 200: json('The orders', orders) },
    reasons: ['invalid_cursor'],
    handler: async ({ caller, query, ctx }) => {
      const page = pageOf(query);
      const { status = null, receipt = null, from = null, to = null } = query;
      const filters = { status, receipt, from, to };
      const found = await listOrders(pool, caller.merchantId, { page, filters });
      if (found === null) throw invalidCursor(page);
      const shown = found.rows.map((row) => presentOrder(row, config.apiUrl));
      const headers = pageHeaders(ctx, { refs: shown.map((each) => each.order_ref), more: found.more });
      return { status: 200, body: shown, headers };
    },
  });
}

function find({ pool, config }: Deps): Route {
  return route({
    method: 'get',
    path: '/v1/orders/{order_ref}',
    summary: 'Get an order',
    tags: TAGS,
    auth: 'key',
    scopes: ['read'],
    params: orderParams,
    paramsReason: 'order_not_found',
    responses: { 200: json('The order', order) },
    reasons: ['order_not_found'],
    handler: async ({ caller, params }) => {
      const row = await findOrder(pool, caller.merchantId, params.order_ref);
      if (row === null) throw new PayflowError('order_not_found');
      return { status: 200, body: presentOrder(row, config.apiUrl) };
    },
  });
}

function listPayments({ pool }: Deps): Route {
  return route({
    method: 'get',
    path: '/v1/orders/{order_ref}/payments',
    summary: 'List the payments of an order',
    description: 'Newest first.',
    tags: TAGS,
    auth: 'key',
    scopes: ['read'],
    params: orderParams,
    paramsReason: 'order_not_found',
    query: paymentsQuery,
    responses: { 200: json('The payments', payments) },
    reasons: ['order_not_found', 'invalid_cursor'],
    handler: async ({ caller, params, query, ctx }) => {
      const all = await paymentsAsTheyStand(pool, caller.merchantId, params.order_ref);
      if (all.length === 0 && (await findOrder(pool, caller.merchantId, params.order_ref)) === null) {
        throw new PayflowError('order_not_found');
      }
      const { rows, more } = pageOfPayments(all, query);
      const headers = pageHeaders(ctx, { refs: rows.map((each) => each.payment_ref), more });
      return { status: 200, body: rows, headers };
    },
  });
}

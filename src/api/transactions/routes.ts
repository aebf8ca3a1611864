import { findMerchantOfUser } from '../../db/merchants.ts';
import { newId, newRefundRef } from '../../db/refs.ts';
import { findTransaction, listTransactions, type Scope } from '../../db/transactions.ts';
import type { User } from '../../db/users.ts';
import { PayflowError } from '../../domain/errors.ts';
import { createCardFingerprint } from '../checkout/card.ts';
import { PAY_REFUSALS } from '../checkout/pay.ts';
import { route, type Route } from '../middleware/guard.ts';
import { REPLAYED } from '../middleware/idempotency.ts';
import { json } from '../middleware/responses.ts';
import { invalidCursor, pageHeaders, pageOf } from '../next-page.ts';
import { commandPayment } from '../payments/routes.ts';
import { makeTransaction, transactionOf, type MakeDeps } from './make.ts';
import { presentTransaction, statusOf } from './present.ts';
import {
  transaction,
  transactionBody,
  transactionParams,
  transactions,
  transactionsQuery,
} from './schema.ts';

type Deps = Omit<MakeDeps, 'fingerprint'>;

const TAGS = ['Transactions (legacy)'];
const PATH = '/transactions/';
const ALL: Scope = { by: 'all' };

export function transactionRoutes(deps: Deps): Route[] {
  const payDeps = { ...deps, fingerprint: createCardFingerprint(deps.config.secretKey) };
  return [create(payDeps), list(deps), find(deps), refund(deps)];
}

function create(deps: MakeDeps): Route {
  return route({
    method: 'post',
    path: PATH,
    summary: 'Make a transaction',
    description:
      'An order and its payment in one, in rupees. Of a merchant it pays the own profile, ' +
      'of everybody else the operator. A repeated key gets the first transaction.',
    tags: TAGS,
    auth: 'user',
    body: transactionBody,
    decimals: true,
    responses: { 201: json('The transaction', transaction) },
    reasons: [
      'merchant_not_found',
      'amount_not_positive',
      ...PAY_REFUSALS,
      'idempotency_key_in_use',
      'idempotency_key_reused',
    ],
    handler: async ({ caller, body, idempotency, ctx }) => {
      const { row, replayed } = await makeTransaction(deps, { sender: caller, body, idempotency, ctx });
      const headers = replayed ? { headers: REPLAYED } : {};
      return { status: 201, body: presentTransaction(row), ...headers };
    },
  });
}

/** An admin sees all of them, a merchant what was paid to it, a user what he sent. */
async function scopeOf({ knex }: Pick<Deps, 'knex'>, { id, role }: User): Promise<Scope> {
  switch (role) {
    case 'admin':
      return ALL;
    case 'merchant':
      return { by: 'merchant', merchantId: (await findMerchantOfUser(knex, id))?.id ?? null };
    case 'user':
      return { by: 'user', userId: id };
  }
}

function list(deps: Pick<Deps, 'pool' | 'knex'>): Route {
  return route({
    method: 'get',
    path: PATH,
    summary: 'List the transactions',
    description:
      'Newest first. An admin sees all, a merchant what was paid to it, by QR code too, a user what he sent.',
    tags: TAGS,
    auth: 'user',
    query: transactionsQuery,
    responses: { 200: json('The transactions', transactions) },
    reasons: ['invalid_cursor'],
    handler: async ({ caller, query, ctx }) => {
      const page = pageOf(query);
      const found = await listTransactions(deps.pool, await scopeOf(deps, caller), page);
      if (found === null) throw invalidCursor(page);
      const shown = found.rows.map(presentTransaction);
      const headers = pageHeaders(ctx, { refs: shown.map(({ id }) => id), more: found.more });
      return { status: 200, body: shown, headers };
    },
  });
}

function find(deps: Pick<Deps, 'pool' | 'knex'>): Route {
  return route({
    method: 'get',
    path: '/transactions/{id}',
    summary: 'Get a transaction',
    tags: TAGS,
    auth: 'user',
    params: transactionParams,
    paramsReason: 'invalid_transaction_id',
    responses: { 200: json('The transaction', transaction) },
    reasons: ['transaction_not_found'],
    handler: async ({ caller, params: { id } }) => {
      const found = await findTransaction(deps.pool, await scopeOf(deps, caller), { id });
      if (found === null) throw new PayflowError('transaction_not_found');
      return { status: 200, body: presentTransaction(found) };
    },
  });
}

function refund(deps: Pick<Deps, 'pool' | 'engine'>): Route {
  const { pool } = deps;
  return route({
    method: 'post',
    path: '/transactions/{id}/refund',
    summary: 'Refund a transaction',
    description: 'Whatever of it has not been given back yet. For admins only.',
    tags: TAGS,
    auth: 'user',
    params: transactionParams,
    paramsReason: 'invalid_transaction_id',
    responses: { 200: json('The transaction as it stands now', transaction) },
    reasons: [
      'admin_required',
      'transaction_not_found',
      'cannot_refund',
      'refund_exceeds_refundable',
      'command_in_progress',
    ],
    handler: async ({ caller, params: { id }, idempotency, ctx }) => {
      if (caller.role !== 'admin') {
        throw new PayflowError('admin_required', { text: 'Only admins can process refunds' });
      }
      const found = await findTransaction(pool, ALL, { id });
      if (found === null) throw new PayflowError('transaction_not_found');
      const status = statusOf(found);
      if (status !== 'success' || found.payment_ref === null) {
        const text = `Cannot refund transaction with status '${status}'`;
        throw new PayflowError('cannot_refund', { text });
      }
      const texts = { reason: null, notes: null };
      await commandPayment(deps, {
        caller: { merchantId: found.merchant_id },
        ctx,
        request: {
          kind: 'refund',
          paymentRef: found.payment_ref,
          amount: null,
          refund: { refundId: newId(), refundRef: newRefundRef(), ...texts },
        },
        asked: { idempotency, body: {} },
      });
      return { status: 200, body: presentTransaction(await transactionOf(pool, found.order_ref)) };
    },
  });
}

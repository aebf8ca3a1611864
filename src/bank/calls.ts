import { abandon } from './abandon.ts';
import { insertAuthorization, startDeciding } from './authorizations.ts';
import type { BankDeps } from './deps.ts';
import { cardPlan, netbankingPlan, type Plan, upiPlan, walletPlan } from './magic.ts';
import { findOperation, type Operation, presentOutcome } from './operations.ts';
import { BankRefusal } from './refusal.ts';
import { type AuthorizeRequest, hashRequest } from './requests.ts';
import { findCard } from './tokens.ts';

/** What was decided, and whether the caller hears of it. */
export interface Authorized {
  readonly operation: Operation;
  readonly answer: 'now' | 'late' | 'never';
}

export async function authorize(deps: BankDeps, request: AuthorizeRequest): Promise<Authorized> {
  const { key, method, instrument } = request;
  const plan = await planAuthorization(deps, request);
  const requestHash = hashRequest('authorize', request);
  const made = await insertAuthorization(
    deps.pool,
    {
      key,
      requestHash,
      orderRef: request.order_ref,
      amount: request.amount,
      currency: request.currency,
      method,
      account: `${method}:${instrument.vpa ?? instrument.card_token ?? instrument.bank_code ?? instrument.wallet ?? ''}`,
      returnUrl: request.return_url,
    },
    { plan, notify: deps.wantsCallbacks(), times: deps.timing },
  );
  const operation = await onlyOnce(deps, made, { key, requestHash });
  return { operation, answer: answerOf(plan, operation) };
}

async function planAuthorization(deps: BankDeps, request: AuthorizeRequest): Promise<Plan> {
  const { vpa, card_token: cardToken, bank_code: bankCode, otp } = request.instrument;
  switch (request.method) {
    case 'upi':
      return upiPlan(vpa);
    case 'card':
      return cardPlan(await findCard(deps.pool, cardToken ?? ''), Date.now());
    case 'netbanking':
      return netbankingPlan(bankCode);
    case 'wallet':
      return walletPlan(otp);
  }
}

function answerOf(plan: Plan, operation: Operation): Authorized['answer'] {
  if (operation.state === 'abandoned') return 'now';
  if (plan.answers !== 'not_while_undecided') return plan.answers;
  return operation.state === 'undecided' ? 'never' : 'now';
}

/**
 * The row that this call has made; else the one that its key made before, if that was the same request.
 * A key that was closed answers so to everybody: its tombstone may be older than any request.
 */
export async function onlyOnce(
  deps: BankDeps,
  made: Operation | null,
  { key, requestHash }: { key: string; requestHash: string },
): Promise<Operation> {
  if (made !== null) return made;
  const earlier = await findOperation(deps.pool, key);
  if (earlier === null) throw new Error('an operation has disappeared');
  if (earlier.state !== 'abandoned' && earlier.requestHash !== requestHash) {
    throw new BankRefusal(422, 'key_used_with_another_request');
  }
  return earlier;
}

/** Changes nothing, but that an undecided operation begins to be decided by being asked about. */
export async function lookUp(deps: BankDeps, key: string): Promise<Record<string, unknown>> {
  const operation = await findOperation(deps.pool, key);
  if (operation === null) return { type: 'not_found' };
  if (operation.state === 'undecided') {
    await startDeciding(deps.pool, { key, afterMs: lateSuccessMs(deps) });
  }
  return presentOutcome(operation, deps.publicUrl);
}

export async function giveUp(deps: BankDeps, key: string): Promise<Record<string, unknown>> {
  const result = await abandon(deps.pool, { key, lateSuccessMs: lateSuccessMs(deps) });
  switch (result.type) {
    case 'not_an_authorization':
      throw new BankRefusal(422, 'not_an_authorization');
    case 'happened':
      return { type: 'happened', outcome: presentOutcome(result.operation, deps.publicUrl) };
    case 'abandoned':
    case 'not_yet':
      return { type: result.type };
  }
}

function lateSuccessMs({ faults, timing }: BankDeps): number {
  return faults.current().late_success_ms ?? timing.lateSuccessMs;
}

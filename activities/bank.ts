import { activityInfo, ApplicationFailure, cancellationSignal } from '@temporalio/activity';
import type pg from 'pg';
import type { CallOptions, Connector, Instrument } from '../src/connectors/connector.ts';
import { readFence, type Fence } from '../src/db/payments.ts';
import type { Obligation } from '../src/domain/commands.ts';
import { PAY_FRESH_MS } from '../src/domain/decide.ts';
import type { Abandonment, Lookup, Outcome, VoidOutcome } from '../src/domain/outcome.ts';
import type { Method } from '../src/domain/payment.ts';
import { askAgainMs, askPayerAgainMs } from '../src/domain/retry.ts';

/** One bank step, with the number of the last event that its decision knew: the fence. */
export interface BankStep {
  readonly orderRef: string;
  readonly afterSeq: number;
  readonly paymentRef: string;
  readonly key: string;
  readonly amount: number;
  readonly currency: string;
  readonly method: Method;
  /** The bank's reference of the authorization; null before there is one. */
  readonly reference: string | null;
  /** When the command behind the key was accepted, epoch ms. */
  readonly acceptedAt: number;
}

export interface Pursuit extends BankStep {
  readonly obligation: Obligation;
}

/**
 * `behind`: the order has moved on since the step was decided, the bank was not called.
 * `use_slow_path`: too many calls run locally, nothing was done.
 */
export type StepResult<T> =
  | { readonly type: 'answered'; readonly answer: T }
  | { readonly type: 'behind' }
  | { readonly type: 'use_slow_path' };

/** What a pursuit may end with: facts for the next decision. */
export interface Pursued {
  readonly authorize?: Lookup;
  readonly capture?: Outcome;
  readonly void?: VoidOutcome;
  readonly refund?: Lookup;
  readonly abandon?: Abandonment;
}

interface Deps {
  readonly pool: pg.Pool;
  readonly connector: Connector;
  /** How many bank calls may run inside workflow tasks at once, in this worker. */
  readonly fastLaneMax: number;
  /** `{returnBase}/pay/{order_ref}?from=bank` is where the bank sends the payer back to. */
  readonly returnBase: string;
}

/** A call of a regular activity waits this long for the bank. */
const SLOW_CALL_MS = 8_000;

/** The steps, each one call; and the pursuits, which repeat a call until there is something to decide. */
export function createBankActivities(deps: Deps) {
  const fenced = createFence(deps);
  return { ...createSteps(deps, fenced), ...createPursuits(deps, fenced) };
}

type Fenced = <T>(
  step: BankStep,
  call: (options: CallOptions, fence: Fence) => Promise<T>,
) => Promise<StepResult<T>>;

/**
 * The fence, then one call. As a local activity it holds a workflow task's slot, so it is short and
 * bounded in number; as a regular one it may wait.
 */
function createFence({ pool, connector, fastLaneMax }: Deps): Fenced {
  let inFastLane = 0;
  return async (step, call) => {
    const local = activityInfo().isLocal;
    if (local && inFastLane >= fastLaneMax) return { type: 'use_slow_path' };
    if (local) inFastLane += 1;
    try {
      const fence = await readFence(pool, step.orderRef, step.paymentRef);
      if (fence?.last_seq !== step.afterSeq) return { type: 'behind' };
      const timeoutMs = local ? connector.capabilities.fastPathMs : SLOW_CALL_MS;
      const answer = await call({ timeoutMs, signal: cancellationSignal() }, fence);
      return { type: 'answered', answer };
    } finally {
      if (local) inFastLane -= 1;
    }
  };
}

function createSteps(deps: Deps, fenced: Fenced) {
  const { connector } = deps;
  return {
    authorize: (step: BankStep): Promise<StepResult<Lookup>> =>
      fenced(step, (options, fence) => authorize(deps, { step, fence, options })),
    capture: (step: BankStep): Promise<StepResult<Outcome>> =>
      fenced(step, (options) => connector.capture({ ...step, reference: referenceOf(step) }, options)),
    voidAuthorization: (step: BankStep): Promise<StepResult<VoidOutcome>> =>
      fenced(step, (options) => connector.void({ ...step, reference: referenceOf(step) }, options)),
    refund: (step: BankStep): Promise<StepResult<Lookup>> =>
      fenced(step, (options) => refund(connector, step, options)),
    abandon: (step: BankStep): Promise<StepResult<Abandonment>> =>
      fenced(step, (options) => connector.abandon(step.key, options)),
  };
}

function createPursuits(deps: Deps, fenced: Fenced) {
  const { connector } = deps;
  /** Each try that brings nothing is a failed attempt, which ops see in the Temporal UI. */
  const until =
    (ask: (pursuit: Pursuit, options: CallOptions, fence: Fence) => Promise<Pursued | null>) =>
    async (pursuit: Pursuit): Promise<StepResult<Pursued>> => {
      const result = await fenced(pursuit, (options, fence) => ask(pursuit, options, fence));
      if (result.type !== 'answered') return result;
      if (result.answer !== null) return { type: 'answered', answer: result.answer };
      throw stillOpen(pursuit.obligation);
    };
  return {
    /** What became of an authorization whose answer was lost; sent again while the payer may still be there. */
    resolve: until(async (pursuit, options, fence) => {
      const found = await connector.fetch(pursuit.key, options);
      const fresh = Date.now() - pursuit.acceptedAt < PAY_FRESH_MS;
      if (found.type !== 'not_found' || !fresh) return decided(found);
      return decided(await authorize(deps, { step: pursuit, fence, options }));
    }),
    awaitPayer: until(async (pursuit, options) => {
      const found = await connector.fetch(pursuit.key, options);
      return found.type === 'requires_action' ? null : decided(found);
    }),
    confirmAbandon: until(async (pursuit, options) => {
      const abandon = await connector.abandon(pursuit.key, options);
      return abandon.type === 'abandoned' || abandon.type === 'happened' ? { abandon } : null;
    }),
    finishCapture: until(async (pursuit, options) => {
      const capture = await connector.capture({ ...pursuit, reference: referenceOf(pursuit) }, options);
      return capture.type === 'approved' || capture.type === 'declined' ? { capture } : null;
    }),
    finishVoid: until(async (pursuit, options) => {
      const answer = await connector.void({ ...pursuit, reference: referenceOf(pursuit) }, options);
      return answer.type === 'approved' || answer.type === 'already_captured' ? { void: answer } : null;
    }),
    finishRefund: until(async (pursuit, options) => {
      const answer = await refund(connector, pursuit, options);
      return answer.type === 'approved' || answer.type === 'declined' ? { refund: answer } : null;
    }),
  };
}

interface Authorizing {
  readonly step: BankStep;
  readonly fence: Fence;
  readonly options: CallOptions;
}

function authorize({ connector, returnBase }: Deps, { step, fence, options }: Authorizing): Promise<Lookup> {
  if (isForgotten(connector, step)) return connector.fetch(step.key, options);
  const returnUrl = `${returnBase}/pay/${step.orderRef}?from=bank`;
  return connector.authorize({ ...step, instrument: instrumentOf(fence), returnUrl }, options);
}

function refund(connector: Connector, step: BankStep, options: CallOptions): Promise<Lookup> {
  if (isForgotten(connector, step)) return connector.fetch(step.key, options);
  return connector.refund({ ...step, reference: referenceOf(step) }, options);
}

/** A key the bank may have forgotten is asked about, never sent. */
function isForgotten(connector: Connector, step: BankStep): boolean {
  return Date.now() - step.acceptedAt > connector.capabilities.keyMemoryMs;
}

/** Null: nothing to decide yet. */
function decided(found: Lookup): Pursued | null {
  return found.type === 'unknown' || found.type === 'pending' ? null : { authorize: found };
}

function stillOpen(obligation: Obligation): ApplicationFailure {
  const { attempt } = activityInfo();
  const elapsedMs = Date.now() - obligation.since;
  return ApplicationFailure.create({
    type: 'still_open',
    message: `${obligation.kind} of ${obligation.ref}: the bank has not decided`,
    nextRetryDelay:
      obligation.kind === 'await_payer' ? askPayerAgainMs(attempt) : askAgainMs(attempt, elapsedMs),
  });
}

function referenceOf({ reference, key }: BankStep): string {
  if (reference === null)
    throw ApplicationFailure.nonRetryable(`${key} has no authorization`, 'no_reference');
  return reference;
}

function instrumentOf(fence: Fence): Instrument {
  return {
    ...(fence.vpa === null ? {} : { vpa: fence.vpa }),
    ...(fence.card_token === null ? {} : { cardToken: fence.card_token }),
    ...(fence.bank_code === null ? {} : { bankCode: fence.bank_code }),
    ...(fence.wallet === null ? {} : { wallet: fence.wallet }),
    ...(fence.otp === null ? {} : { otp: fence.otp }),
  };
}

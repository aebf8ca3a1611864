import { CancellationScope, isCancellation } from '@temporalio/workflow';
import type { BankStep, Pursued, Pursuit, StepResult } from '../activities/bank.ts';
import type { Obligation } from '../src/domain/commands.ts';
import { bankKey, obligations } from '../src/domain/agenda.ts';
import { paymentOf, refundOf } from '../src/domain/order.ts';
import { Behind, capture, captureOf, stepOf } from './bank-steps.ts';
import { isFailedActivity } from './failed-activity.ts';
import { fastBank, pursuit } from './proxies.ts';
import { catchUp, settle } from './recording.ts';
import type { News, Run } from './run.ts';

const ACTIVITY = {
  resolve: 'resolve',
  await_payer: 'awaitPayer',
  abandon: 'confirmAbandon',
  capture: 'finishCapture',
  void: 'finishVoid',
  refund: 'finishRefund',
} as const satisfies Record<Obligation['kind'], keyof typeof pursuit>;

/**
 * What must be driven to an end at the bank runs beside the loop, as an activity that the engine
 * repeats, so that it never blocks a command. What is no longer owed is called back.
 */
export function pursueObligations(run: Run): void {
  const owed = new Map(obligations(run.order).map((obligation) => [nameOf(obligation), obligation]));
  for (const [name, scope] of run.pursuits) {
    if (!owed.has(name)) {
      run.pursuits.delete(name);
      scope.cancel();
    }
  }
  for (const [name, obligation] of owed) {
    const announced = run.news.some((news) => nameOf(news.obligation) === name);
    if (!run.pursuits.has(name) && !announced) startPursuit(run, name, obligation);
  }
}

function nameOf({ kind, ref }: Obligation): string {
  return `${kind} ${ref}`;
}

function startPursuit(run: Run, name: string, obligation: Obligation): void {
  const scope = new CancellationScope({ cancellable: true });
  run.pursuits.set(name, scope);
  scope
    .run(() =>
      pursuit[ACTIVITY[obligation.kind]].executeWithOptions({ summary: name }, [pursuitOf(run, obligation)]),
    )
    .then(
      (result) => report(run, name, scope, { obligation, result }),
      (error: unknown) => {
        if (isCancellation(error)) return;
        // Without an answer nothing is known; the loop starts the pursuit again.
        if (!isFailedActivity(error)) throw error;
        report(run, name, scope, { obligation, result: { type: 'behind' } });
      },
    );
}

function report(run: Run, name: string, scope: CancellationScope, news: News): void {
  // A pursuit that was called back and still ended has nothing to say.
  if (run.pursuits.get(name) !== scope) return;
  run.pursuits.delete(name);
  run.news.push(news);
}

function pursuitOf(run: Run, obligation: Obligation): Pursuit {
  const { order } = run;
  const payment = paymentOf(order, obligation.paymentRef);
  const about = { key: obligation.key, amount: payment.amount, acceptedAt: payment.acceptedAt };
  if (obligation.kind === 'refund') {
    const { amount, createdAt } = refundOf(order, obligation.ref);
    Object.assign(about, { amount, acceptedAt: createdAt });
  } else if (payment.phase === 'capturing') {
    Object.assign(about, { amount: payment.capture.amount });
  }
  return { ...stepOf(order, payment, about), obligation };
}

/** The bank has answered, or the order was further than the pursuit knew. */
export async function takeNews(run: Run, { obligation, result }: News): Promise<void> {
  if (result.type !== 'answered') return catchUp(run);
  try {
    const taking = lateCapture(run, obligation, result.answer);
    const taken = taking && { capture: await capture(taking) };
    await settle(run, { kind: 'progress', obligation }, { at: Date.now(), ...result.answer, ...taken });
  } catch (error) {
    if (!(error instanceof Behind)) throw error;
    await catchUp(run);
  }
}

/** An approval that comes late is captured like any other while the order can still be paid. */
function lateCapture({ order }: Run, obligation: Obligation, told: Pursued): BankStep | null {
  const outcome = told.abandon?.type === 'happened' ? told.abandon.outcome : told.authorize;
  const payment = paymentOf(order, obligation.paymentRef);
  const step = stepOf(order, payment, { key: bankKey(payment.commandId, 'capture') });
  return captureOf(order, { step, review: payment.review }, outcome ?? null);
}

/** Asks the bank once about everything that is owed: an activity that waits for its next try cannot be nudged. */
export async function askNow(run: Run): Promise<void> {
  for (const obligation of obligations(run.order)) {
    const result = await askOnce(run, obligation);
    if (result !== null) run.news.push({ obligation, result });
  }
}

async function askOnce(run: Run, obligation: Obligation): Promise<StepResult<Pursued> | null> {
  try {
    const asking = fastBank[ACTIVITY[obligation.kind]];
    const result = await asking.executeWithOptions({ summary: `ask: ${nameOf(obligation)}` }, [
      pursuitOf(run, obligation),
    ]);
    return result.type === 'use_slow_path' ? null : result;
  } catch (error) {
    if (isFailedActivity(error)) return null;
    throw error;
  }
}

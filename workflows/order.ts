import {
  allHandlersFinished,
  CancellationScope,
  condition,
  setCurrentDetails,
  setHandler,
} from '@temporalio/workflow';
import type { BankStep } from '../activities/bank.ts';
import type { Command, Facts, PayCommand, RefundCommand, Reply } from '../src/domain/commands.ts';
import { judgePay, PAY_FRESH_MS } from '../src/domain/decide.ts';
import { bankKey, isSettled, nextDeadline, type Deadline } from '../src/domain/agenda.ts';
import { fold, isCarriedOut, isPayable, paymentOf } from '../src/domain/order.ts';
import type { Payment } from '../src/domain/payment.ts';
import { payStanding, refuseCommand, refusePay, standingOf } from '../src/domain/refusals.ts';
import { attentionDue, attentionNow, describeOrder, showAttention } from './attention.ts';
import {
  abandon,
  authorize,
  Behind,
  capture,
  captureOf,
  refund,
  stepOf,
  voidAuthorization,
} from './bank-steps.ts';
import { COMMAND_UPDATES, wakeUpdate, type OrderInput } from './messages.ts';
import { askNow, pursueObligations, takeNews } from './obligations.ts';
import { catchUp, settle } from './recording.ts';
import { createRun, type Run } from './run.ts';

/**
 * One order, from its creation until the money question is settled: paid and nothing pending, expired,
 * voided, failed for good. A refund later is a new, short run under the same id.
 *
 * The loop takes one thing at a time (a command, news from the bank, a wake, a deadline), acts,
 * decides, records, and folds what was recorded. What is owed to the bank runs beside it.
 */
export async function orderWorkflow(input: OrderInput): Promise<{ status: string }> {
  const run = createRun(input.orderRef);
  for (const update of Object.values(COMMAND_UPDATES)) {
    setHandler(update, (command) => answer(run, command), { validator: mustBeCommand });
  }
  setHandler(wakeUpdate, () => {
    run.wakes += 1;
  });
  // A cancel from the UI is a wish, not an exception: it must not tear a step apart.
  CancellationScope.current().cancelRequested.catch(() => {
    run.cancelWanted = true;
  });
  return CancellationScope.nonCancellable(() => live(run, input));
}

/**
 * A handler ends with the reply that `record` returned, and with nothing else: it waits for a promise of
 * ours, which a cancel does not reject as it would a condition in the handler's scope.
 */
function answer(run: Run, command: Command): Promise<Reply> {
  const reply = run.replies.get(command.id);
  if (reply !== undefined) return Promise.resolve(reply);
  run.inbox.push(command);
  return new Promise((resolve) => run.waiting.push({ commandId: command.id, resolve }));
}

function tellReplies(run: Run): void {
  for (const asker of run.waiting.splice(0)) {
    const reply = run.replies.get(asker.commandId);
    if (reply === undefined) run.waiting.push(asker);
    else asker.resolve(reply);
  }
}

function mustBeCommand(command: Command): void {
  if (typeof command?.id !== 'string') throw new Error('a command has an id');
}

async function live(run: Run, { orderRef, created }: OrderInput): Promise<{ status: string }> {
  if (created === null) await catchUp(run);
  else run.order = fold(orderRef, [created]);
  for (;;) {
    pursueObligations(run);
    showAttention(run, attentionNow(run.order, Date.now()));
    setCurrentDetails(describeOrder(run.order));
    // The only way out; nothing is awaited between this look and the end.
    if (isIdle(run) && isSettled(run.order) && allHandlersFinished()) return { status: run.order.status };
    const waiting = isIdle(run) ? somethingHappens(run) : undefined;
    // By now what is still owed is on its way.
    tellReplies(run);
    if (waiting !== undefined) await waiting;
    await doOneThing(run);
  }
}

function isIdle(run: Run): boolean {
  return run.inbox.length === 0 && run.news.length === 0 && run.wakes === 0 && !run.cancelWanted;
}

/** Until there is something to do, or time to look: at a deadline, and when a human should be told. */
function somethingHappens(run: Run): Promise<unknown> | undefined {
  const happened = () => !isIdle(run) || (isSettled(run.order) && allHandlersFinished());
  const now = Date.now();
  const next = Math.min(nextDeadline(run.order)?.at ?? Infinity, attentionDue(run.order, now));
  if (next === Infinity) return condition(happened);
  return next > now ? condition(happened, next - now) : undefined;
}

function doOneThing(run: Run): Promise<void> | undefined {
  const command = run.inbox.shift();
  if (command !== undefined) return carryOut(run, command);
  const news = run.news.shift();
  if (news !== undefined) return takeNews(run, news);
  if (run.wakes > 0) return lookAround(run);
  if (run.cancelWanted) return cancelOrder(run);
  const due = nextDeadline(run.order);
  return due === null || due.at > Date.now() ? undefined : meetDeadline(run, due);
}

/** Acts and decides until the command has its reply; a step that was overtaken is decided again. */
async function carryOut(run: Run, command: Command): Promise<void> {
  run.current = command.id;
  while (!run.replies.has(command.id)) {
    try {
      if (isCarriedOut(run.order, command)) await catchUp(run, command.id);
      else if (command.kind === 'pay') await settle(run, command, await pay(run, command));
      else await settle(run, command, await act(run, command));
    } catch (error) {
      if (!(error instanceof Behind)) throw error;
      await catchUp(run, command.id);
    }
  }
  run.current = null;
}

/** The bank's part of a command. What cannot be done as things stand is left to the decision to refuse. */
async function act(run: Run, command: Exclude<Command, PayCommand>): Promise<Facts> {
  const payment = run.order.payments[command.paymentRef];
  if (payment === undefined || refuseCommand(standingOf(payment), command) !== null) return learnt({});
  switch (command.kind) {
    case 'capture':
      return captureNow(run, payment, bankKey(command.id, 'capture'), command.amount);
    case 'void':
      return voidNow(run, payment, bankKey(command.id, 'void'));
    case 'refund':
      return refundNow(run, payment, command);
    case 'decide_review':
      if (!command.approve) return voidNow(run, payment, bankKey(payment.commandId, 'void'));
      if (run.order.captureMode === 'manual') return learnt({});
      return captureNow(run, payment, bankKey(payment.commandId, 'capture'), null);
    case 'repair':
      if (command.action === 'ask') run.wakes += 1;
      return learnt({});
  }
}

/** Authorize at the bank, judge, capture at the bank. */
async function pay(run: Run, command: PayCommand): Promise<Facts> {
  for (const waiting of waitingForPayers(run)) {
    // A new pay takes its place.
    await giveUp(run, waiting, 'payment_cancelled', { deadline: false });
  }
  // The tables may have shown this very pay: carried out by a task whose end was lost.
  if (isCarriedOut(run.order, command)) throw new Behind();
  const { action } = judgePay(run.order, command);
  if (action === 'block') return learnt({});
  const step = payStep(run, command, bankKey(command.id, 'authorize'));
  const capturing = {
    step: payStep(run, command, bankKey(command.id, 'capture')),
    review: action === 'review',
  };
  // An earlier drive that died may have charged: what is refused now is given up at the bank first.
  if (refusePay(payStanding(run.order)) !== null) return learnt({ abandon: await abandon(step) });
  if (Date.now() - command.acceptedAt > PAY_FRESH_MS) {
    // The engine was away for so long that the payer has left: only what happened already counts.
    const told = await abandon(step);
    const taking = captureOf(run.order, capturing, told.type === 'happened' ? told.outcome : null);
    return learnt({ abandon: told, ...(taking && { capture: await capture(taking) }) });
  }
  const outcome = await authorize(step);
  const taking = captureOf(run.order, capturing, outcome);
  return learnt({ authorize: outcome, ...(taking && { capture: await capture(taking) }) });
}

/** A step of a payment that no event tells of yet. */
function payStep({ order }: Run, command: PayCommand, key: string): BankStep {
  return {
    orderRef: order.ref,
    afterSeq: order.seq,
    paymentRef: command.paymentRef,
    key,
    amount: order.amount,
    currency: order.currency,
    method: command.method,
    reference: null,
    acceptedAt: command.acceptedAt,
  };
}

function waitingForPayers({ order }: Run): string[] {
  const payments = Object.values(order.payments);
  return payments.filter(({ phase }) => phase === 'awaiting_customer').map(({ ref }) => ref);
}

async function captureNow(run: Run, payment: Payment, key: string, amount: number | null): Promise<Facts> {
  const step = stepOf(run.order, payment, { key, amount: amount ?? payment.amount });
  return learnt({ capture: await capture(step) });
}

async function voidNow(run: Run, payment: Payment, key: string): Promise<Facts> {
  return learnt({ void: await voidAuthorization(stepOf(run.order, payment, { key })) });
}

async function refundNow(run: Run, payment: Payment, command: RefundCommand): Promise<Facts> {
  const { amountCaptured, amountReserved } = standingOf(payment);
  const amount = command.amount ?? amountCaptured - amountReserved;
  const { acceptedAt } = command;
  const step = stepOf(run.order, payment, { key: bankKey(command.id, 'refund'), amount, acceptedAt });
  return learnt({ refund: await refund(step) });
}

/** Somebody says that there may be news: the tables first, then the bank about all that is owed. */
async function lookAround(run: Run): Promise<void> {
  run.wakes = 0;
  await catchUp(run);
  await askNow(run);
}

async function cancelOrder(run: Run): Promise<void> {
  if (isPayable(run.order)) await settle(run, { kind: 'cancel' }, learnt({}), { deadline: true });
  // An open command goes first; then the wish is looked at again.
  run.cancelWanted = isPayable(run.order);
}

async function meetDeadline(run: Run, due: Deadline): Promise<void> {
  try {
    await meet(run, due);
  } catch (error) {
    if (!(error instanceof Behind)) throw error;
    await catchUp(run);
  }
}

async function meet(run: Run, due: Deadline): Promise<void> {
  switch (due.kind) {
    case 'expire':
      return settle(run, { kind: 'expire' }, learnt({}), { deadline: true });
    case 'give_up':
      return giveUp(run, due.paymentRef, due.reason, { deadline: true });
    case 'release': {
      // First the wish on record, then the bank: a capture that was accepted meanwhile goes before.
      const { paymentRef, reason } = due;
      return settle(run, { kind: 'release', paymentRef, reason }, learnt({}), { deadline: true });
    }
  }
}

async function giveUp(
  run: Run,
  paymentRef: string,
  reason: Extract<Deadline, { kind: 'give_up' }>['reason'],
  options: { deadline: boolean },
): Promise<void> {
  const payment = paymentOf(run.order, paymentRef);
  const told = await abandon(stepOf(run.order, payment, { key: bankKey(payment.commandId, 'authorize') }));
  await settle(run, { kind: 'give_up', paymentRef, reason }, learnt({ abandon: told }), options);
}

/** What was learnt, with the time at which it is decided upon. */
function learnt(facts: Omit<Facts, 'at'>): Facts {
  return { at: Date.now(), ...facts };
}

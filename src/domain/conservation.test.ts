import fc from 'fast-check';
import type { Command, Facts, Instruction, Obligation } from './commands.ts';
import { decide } from './decide.ts';
import { wantsCapture } from './settle.ts';
import { bankKey, isSettled, nextDeadline, obligations } from './agenda.ts';
import { authorizationOf, fold, isCarriedOut, paymentOf, refundOf, type Order } from './order.ts';
import { orderRow, project, type LedgerRow } from './projection.ts';
import { payStanding, refuseCommand, refusePay, standingOf } from './refusals.ts';
import { createBank, PLANS, type Plan, type TestBank } from './test-bank.ts';
import { refusedByTables } from './test-checks.ts';
import { capture, newOrder, pay, payRef, refund, voidOf } from './test-story.ts';
import { deadlineOf } from './test-walk.ts';

/**
 * An order and a bank, driven as the workflow drives them, where any answer may be lost and any drive
 * may end before it is recorded. In the end the books of both must agree.
 */

const RUNS = Number(process.env['PROPERTY_RUNS'] ?? 1_000);

interface World {
  order: Order;
  readonly bank: TestBank;
  readonly plans: Map<string, Plan>;
  readonly ledger: LedgerRow[];
  /** Accepted and without a reply. */
  open: Command | null;
  commands: number;
  at: number;
}

function newWorld(order: Order): World {
  const bank = createBank();
  return { order, bank, plans: new Map(), ledger: [], open: null, commands: 0, at: order.createdAt };
}

/** What becomes of a bank's answer: it arrives, it is lost, or we die before we record it. */
type Fate = 'arrives' | 'lost' | 'dies';
class Died extends Error {}

function record(world: World, instruction: Instruction, facts: Omit<Facts, 'at'>): void {
  const { order } = world;
  world.at += 1_000;
  const { events } = decide(order, instruction, { at: world.at, ...facts });
  const changes = project(order, events);
  world.order = fold(order.ref, events, order);
  world.ledger.push(...changes.ledger);
  if (refusedByTables(order, world.order, changes).length > 0) throw new Error('the tables refuse the batch');
  if ('id' in instruction) world.open = null;
}

function answered<T>(fate: Fate, answer: T): T | { type: 'unknown'; cause: string } {
  if (fate === 'dies') throw new Died();
  return fate === 'lost' ? { type: 'unknown', cause: 'timeout' } : answer;
}

// ── Commands, as workflows/order.ts carries them out ────────────────────────────────────────────

function accept(world: World, command: Command): void {
  const { order } = world;
  if (world.open !== null) return;
  const payment = command.kind === 'pay' ? undefined : order.payments[command.paymentRef];
  const refusal =
    command.kind === 'pay'
      ? refusePay(payStanding(order))
      : refuseCommand(payment && standingOf(payment), command);
  if (refusal === null) world.open = command;
}

function drive(world: World, fates: readonly [Fate, Fate]): void {
  const command = world.open;
  if (command === null) return;
  if (isCarriedOut(world.order, command)) throw new Error('carried out without a reply');
  const facts = command.kind === 'pay' ? actOnPay(world, command, fates) : act(world, command, fates[0]);
  record(world, command, facts);
}

function actOnPay(world: World, command: Command & { kind: 'pay' }, [first, second]: readonly [Fate, Fate]) {
  for (const { ref, phase, commandId } of Object.values(world.order.payments)) {
    if (phase !== 'awaiting_customer') continue;
    const told = world.bank.abandon(bankKey(commandId, 'authorize'));
    record(world, { kind: 'give_up', paymentRef: ref, reason: 'payment_cancelled' }, { abandon: told });
  }
  const key = bankKey(command.id, 'authorize');
  // An earlier drive of it may have charged: what is refused is given up at the bank first.
  if (refusePay(payStanding(world.order)) !== null)
    return { abandon: answered(first, world.bank.abandon(key)) };
  const plan = world.plans.get(command.id) ?? 'approve';
  const authorize = answered(first, world.bank.authorize(key, world.order.amount, plan));
  const takes = wantsCapture(world.order, { ref: command.paymentRef, review: false });
  if (authorize.type !== 'approved' || !takes) return { authorize };
  return {
    authorize,
    capture: answered(second, world.bank.capture(authorize.reference, world.order.amount)),
  };
}

function act(world: World, command: Exclude<Command, { kind: 'pay' }>, fate: Fate): Omit<Facts, 'at'> {
  const { bank, order } = world;
  const payment = paymentOf(order, command.paymentRef);
  if (refuseCommand(standingOf(payment), command) !== null) return {};
  const reference = authorizationOf(payment)!.reference;
  switch (command.kind) {
    case 'capture':
      return { capture: answered(fate, bank.capture(reference, command.amount ?? payment.amount)) };
    case 'void':
      return { void: answered(fate, bank.void(reference)) };
    case 'refund': {
      const { amountCaptured, amountReserved } = standingOf(payment);
      const amount = command.amount ?? amountCaptured - amountReserved;
      return { refund: answered(fate, bank.refund(reference, bankKey(command.id, 'refund'), amount)) };
    }
    case 'decide_review':
    case 'repair':
      return {};
  }
}

// ── What is owed, as workflows/obligations.ts pursues it ────────────────────────────────────────

function pursue(world: World, obligation: Obligation, [first, second]: readonly [Fate, Fate]): void {
  const told = ask(world, obligation, first);
  const outcome = told.abandon?.type === 'happened' ? told.abandon.outcome : told.authorize;
  const payment = paymentOf(world.order, obligation.paymentRef);
  const takes = outcome?.type === 'approved' && wantsCapture(world.order, payment);
  const taken = takes
    ? { capture: answered(second, world.bank.capture(outcome.reference, payment.amount)) }
    : {};
  record(world, { kind: 'progress', obligation }, { ...told, ...taken });
}

function ask(
  { bank, order }: World,
  { kind, ref, key, paymentRef }: Obligation,
  fate: Fate,
): Omit<Facts, 'at'> {
  const payment = paymentOf(order, paymentRef);
  const reference = authorizationOf(payment)?.reference ?? '';
  switch (kind) {
    case 'resolve':
    case 'await_payer':
      return { authorize: answered(fate, bank.fetch(key)) };
    case 'abandon':
      return { abandon: answered(fate, bank.abandon(key)) };
    case 'capture': {
      const amount = payment.phase === 'capturing' ? payment.capture.amount : payment.amount;
      return { capture: answered(fate, bank.capture(reference, amount)) };
    }
    case 'void':
      return { void: answered(fate, bank.void(reference)) };
    case 'refund':
      return { refund: answered(fate, bank.refund(reference, key, refundOf(order, ref).amount)) };
  }
}

/** No deadline beats an open command. */
function meetDeadline(world: World, fate: Fate): void {
  const due = nextDeadline(world.order);
  const instruction = deadlineOf(world.order);
  if (world.open !== null || due === null || instruction === null) return;
  world.at = Math.max(world.at, due.at);
  if (instruction.kind !== 'give_up') return record(world, instruction, {});
  const key = bankKey(paymentOf(world.order, instruction.paymentRef).commandId, 'authorize');
  record(world, instruction, { abandon: answered(fate, world.bank.abandon(key)) });
}

// ── Lives ───────────────────────────────────────────────────────────────────────────────────────

const fate = fc.oneof(
  { weight: 3, arbitrary: fc.constant<Fate>('arrives') },
  fc.constantFrom<Fate>('lost', 'dies'),
);
const fates = fc.tuple(fate, fate);
const pick = fc.nat({ max: 5 });
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('pay' as const), plan: fc.constantFrom(...PLANS), fates }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('pursue' as const), pick, fates }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('drive' as const), fates }) },
  fc.record({ do: fc.constantFrom('capture', 'void', 'refund'), pick, part: fc.boolean(), fates }),
  fc.record({ do: fc.constant('payer' as const), pick, agrees: fc.boolean() }),
  fc.record({ do: fc.constantFrom('deadline', 'cancel'), fates }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function go(world: World, one: Step): void {
  const payments = Object.values(world.order.payments);
  switch (one.do) {
    case 'pay': {
      world.commands += 1;
      const command = pay(world.commands);
      world.plans.set(command.id, one.plan);
      accept(world, command);
      return drive(world, one.fates);
    }
    case 'drive':
      return drive(world, one.fates);
    case 'pursue': {
      const owed = obligations(world.order);
      const obligation = owed[one.pick % Math.max(1, owed.length)];
      return obligation === undefined ? undefined : pursue(world, obligation, one.fates);
    }
    case 'payer':
      return world.bank.payerActs(
        bankKey(`pay-${1 + (one.pick % Math.max(1, payments.length))}`, 'authorize'),
        one.agrees,
      );
    case 'deadline':
      return meetDeadline(world, one.fates[0]);
    case 'cancel':
      return world.open === null ? record(world, { kind: 'cancel' }, {}) : undefined;
    case 'capture':
    case 'void':
    case 'refund':
      accept(world, aboutPayment(world, one));
      return drive(world, one.fates);
  }
}

function aboutPayment(world: World, one: { do: string; pick: number; part: boolean }): Command {
  world.commands += 1;
  const n = world.commands;
  const paymentRef = Object.keys(world.order.payments)[one.pick] ?? payRef(1);
  const amount = one.part ? 10_000 : null;
  if (one.do === 'capture') return capture({ id: `capture-${n}`, paymentRef, amount });
  if (one.do === 'void') return voidOf({ id: `void-${n}`, paymentRef });
  return refund({ id: `refund-${n}`, paymentRef, amount, refundRef: `pf_rfnd_${n}`, refundId: `r${n}` });
}

/** Everything heals: open commands are driven again, the bank answers, time passes. */
function heal(world: World): void {
  const fine = ['arrives', 'arrives'] as const;
  for (let count = 0; world.open !== null || !isSettled(world.order); count += 1) {
    if (count > 200) throw new Error('no end');
    const obligation = obligations(world.order).find(({ kind }) => kind !== 'await_payer');
    if (world.open !== null) drive(world, fine);
    else if (obligation !== undefined) pursue(world, obligation, fine);
    else meetDeadline(world, 'arrives');
  }
}

const life = fc.tuple(fc.constantFrom('automatic', 'manual'), fc.array(step, { maxLength: 30, size: 'max' }));

test('whatever is lost and whoever dies, in the end the books of the bank and ours agree, and no hold is forgotten', () => {
  fc.assert(
    fc.property(life, ([captureMode, steps]) => {
      const world = newWorld(newOrder({ captureMode }));
      for (const one of steps) {
        try {
          go(world, one);
        } catch (error) {
          if (!(error instanceof Died)) throw error;
        }
      }
      heal(world);
      const { amount_paid: paid, amount_refunded: refunded } = orderRow(world.order);
      const booked = world.ledger
        .filter(({ account }) => account === 'bank')
        .reduce((sum, row) => sum + row.amount, 0);
      expect(world.bank.forgotten()).toEqual([]);
      expect({ bank: world.bank.balance(), ledger: booked }).toEqual({
        bank: paid - refunded,
        ledger: paid - refunded,
      });
    }),
    { numRuns: RUNS },
  );
});

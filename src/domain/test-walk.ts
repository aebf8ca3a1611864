import type { Command, Facts, Instruction, Obligation, RepairAction, Reply } from './commands.ts';
import { decide } from './decide.ts';
import type { OrderEvent } from './events.ts';
import type { FraudSignals } from './fraud.ts';
import { nextDeadline, obligations } from './agenda.ts';
import { fold, isCarriedOut, type Order } from './order.ts';
import type { Lookup, VoidOutcome } from './outcome.ts';
import type { Method, Payment } from './payment.ts';
import { project, type Changes } from './projection.ts';
import { payRef } from './test-story.ts';

/** Random walks through the life of an order: every step is decided, projected and folded as in production. */

export const MOVES = [
  'pay',
  'capture',
  'void',
  'refund',
  'decide_review',
  'repair',
  'again',
  'progress',
  'old_progress',
  'deadline',
  'expire',
  'cancel',
  'release',
  'give_up',
] as const;

/** Plain data, so that a failing walk can be read; `pick` chooses among what the order has by then. */
export interface Move {
  readonly kind: (typeof MOVES)[number];
  readonly pick: number;
  /** How much of what is there, in percent; null: all of it. */
  readonly percent: number | null;
  readonly waitMs: number;
  readonly approve: boolean;
  readonly action: RepairAction;
  readonly method: Method;
  readonly signals: FraudSignals;
  readonly facts: Omit<Facts, 'at'>;
}

export interface Walk {
  readonly order: Order;
  readonly events: readonly OrderEvent[];
  readonly commands: readonly Command[];
  /** Everything that was ever owed, for late and repeated news. */
  readonly everOwed: readonly Obligation[];
}

export interface Step {
  readonly before: Order;
  readonly after: Order;
  readonly instruction: Instruction;
  readonly facts: Facts;
  readonly events: readonly OrderEvent[];
  readonly reply: Reply | null;
  readonly changes: Changes;
}

export function startWalk(created: OrderEvent, ref: string): Walk {
  return { order: fold(ref, [created]), events: [created], commands: [], everOwed: [] };
}

/** Null: there is nothing yet that the move could be about. */
export function walk(from: Walk, move: Move): { readonly walk: Walk; readonly step: Step } | null {
  const at = from.order.updatedAt + move.waitMs;
  const instruction = instructionOf(from, move, at);
  if (instruction === null) return null;
  const due = move.kind === 'deadline' ? (nextDeadline(from.order)?.at ?? 0) : 0;
  return take(from, instruction, { at: Math.max(at, due), ...factsFor(from.order, instruction, move) });
}

export function take(from: Walk, instruction: Instruction, facts: Facts): { walk: Walk; step: Step } {
  const before = from.order;
  const { events, reply } = decide(before, instruction, facts);
  const after = fold(before.ref, events, before);
  const commands = 'id' in instruction ? [...from.commands, instruction] : from.commands;
  const everOwed = [...from.everOwed, ...obligations(after).filter((one) => !knows(from.everOwed, one))];
  return {
    walk: { order: after, events: [...from.events, ...events], commands, everOwed },
    step: { before, after, instruction, facts, events, reply, changes: project(before, events) },
  };
}

function knows(all: readonly Obligation[], one: Obligation): boolean {
  return all.some(({ kind, ref, since }) => kind === one.kind && ref === one.ref && since === one.since);
}

interface Making {
  readonly from: Walk;
  readonly move: Move;
  readonly at: number;
  /** The number of a new command. */
  readonly n: number;
}

function instructionOf(from: Walk, move: Move, at: number): Instruction | null {
  const making = { from, move, at, n: from.commands.length + 1 };
  const payment = picked(Object.values(from.order.payments), move.pick);
  if (isFree(move.kind)) return FREE[move.kind](making);
  return payment === undefined ? null : ABOUT_PAYMENT[move.kind](payment, making);
}

type FreeKind = keyof typeof FREE;
const isFree = (kind: Move['kind']): kind is FreeKind => kind in FREE;

const FREE = {
  pay: payOf,
  again: againOf,
  progress: ({ from, move }: Making) => progressOf(picked(obligations(from.order), move.pick)),
  old_progress: ({ from, move }: Making) => progressOf(picked(from.everOwed, move.pick)),
  deadline: ({ from }: Making) => deadlineOf(from.order),
  expire: () => ({ kind: 'expire' }) as const,
  cancel: () => ({ kind: 'cancel' }) as const,
} satisfies Partial<Record<Move['kind'], (making: Making) => Instruction | null>>;

function payOf({ move, at, n }: Making): Instruction {
  return {
    kind: 'pay',
    id: `c${n}`,
    acceptedAt: at,
    paymentId: `0d000000-0000-7000-8000-${(n * 16).toString(16).padStart(12, '0')}`,
    paymentRef: payRef(n),
    method: move.method,
    signals: move.signals,
  };
}

/** The workflow reads the reply of what is carried out already. */
function againOf({ from, move }: Making): Instruction | null {
  const command = picked(from.commands, move.pick);
  return command === undefined || isCarriedOut(from.order, command) ? null : command;
}

function progressOf(obligation: Obligation | undefined): Instruction | null {
  return obligation === undefined ? null : { kind: 'progress', obligation };
}

/** What the workflow makes of a deadline. */
export function deadlineOf(order: Order): Instruction | null {
  const due = nextDeadline(order);
  if (due === null || due.kind === 'expire') return due === null ? null : { kind: 'expire' };
  const { kind, paymentRef, reason } = due;
  return { kind, paymentRef, reason };
}

const ABOUT_PAYMENT: Record<
  Exclude<Move['kind'], FreeKind>,
  (payment: Payment, making: Making) => Instruction
> = {
  capture: ({ ref, amount }, { move, at, n }) => ({
    kind: 'capture',
    id: `c${n}`,
    acceptedAt: at,
    paymentRef: ref,
    amount: share(amount, move.percent),
  }),
  void: ({ ref }, { at, n }) => ({ kind: 'void', id: `c${n}`, acceptedAt: at, paymentRef: ref }),
  refund: ({ ref, amount }, { move, at, n }) => ({
    kind: 'refund',
    id: `c${n}`,
    acceptedAt: at,
    paymentRef: ref,
    refundRef: `pf_rfnd_${n}`,
    refundId: `0e000000-0000-7000-8000-${String(n).padStart(12, '0')}`,
    amount: share(amount, move.percent),
  }),
  decide_review: ({ ref }, { move, at, n }) => ({
    kind: 'decide_review',
    id: `c${n}`,
    acceptedAt: at,
    paymentRef: ref,
    approve: move.approve,
    by: 'ops@payflow',
  }),
  repair: ({ ref }, { move, at, n }) => ({
    kind: 'repair',
    id: `c${n}`,
    acceptedAt: at,
    paymentRef: ref,
    action: move.action,
    reference: move.approve ? 'bnk_by_hand' : null,
    until: at + move.waitMs,
    by: 'ops@payflow',
  }),
  release: ({ ref }) => ({ kind: 'release', paymentRef: ref, reason: 'capture_deadline_passed' }),
  give_up: ({ ref }) => ({ kind: 'give_up', paymentRef: ref, reason: 'payment_cancelled' }),
};

function picked<T>(all: readonly T[], pick: number): T | undefined {
  return all[pick % Math.max(1, all.length)];
}

/** At least 1: the API refuses a capture or refund of nothing. */
function share(amount: number, percent: number | null): number | null {
  return percent === null ? null : Math.max(1, Math.floor((amount * percent) / 100));
}

/** A fresh pay is authorized, a stale one abandoned, never both; the bank captured no more than it holds. */
function factsFor(order: Order, instruction: Instruction, move: Move): Omit<Facts, 'at'> {
  const { authorize, abandon, void: voided, ...rest } = move.facts;
  const payment = 'paymentRef' in instruction ? order.payments[instruction.paymentRef] : undefined;
  const about = instruction.kind === 'progress' ? order.payments[instruction.obligation.paymentRef] : payment;
  const isPay = instruction.kind === 'pay';
  return defined({
    ...rest,
    authorize: isPay && move.approve ? undefined : authorize,
    abandon: isPay && !move.approve ? undefined : abandon,
    void: clamped(voided, about),
  });
}

function clamped(outcome: VoidOutcome | undefined, payment: Payment | undefined): VoidOutcome | undefined {
  if (outcome?.type !== 'already_captured' || payment === undefined) return outcome;
  return { ...outcome, amount: 1 + (outcome.amount % payment.amount) };
}

/** Without the fields that are undefined: facts are JSON. */
function defined(facts: { [K in keyof Facts]?: Facts[K] | undefined }): Omit<Facts, 'at'> {
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined));
}

// ── To the end ──────────────────────────────────────────────────────────────────────────────────

/** How the bank answers about everything that is still owed. */
export const ATTITUDES = ['favourable', 'unfavourable', 'forgetful', 'belated'] as const;
export type Attitude = (typeof ATTITUDES)[number];

/** What an order still goes through when its bank answers everything and time passes; null where nothing does. */
export function nextOnTheWay(
  order: Order,
  attitude: Attitude,
): { instruction: Instruction; facts: Facts } | null {
  const at = order.updatedAt + 1;
  const obligation = obligations(order)[0];
  if (obligation !== undefined) {
    return {
      instruction: { kind: 'progress', obligation },
      facts: { at, ...ANSWERS[attitude](order, obligation) },
    };
  }
  const instruction = deadlineOf(order);
  return instruction === null
    ? null
    : { instruction, facts: { at: Math.max(at, nextDeadline(order)?.at ?? 0) } };
}

const approved = { type: 'approved', reference: 'bnk_end' } as const;
const declined = { type: 'declined', reason: 'payment_declined', reference: null } as const;
const happened = (outcome: typeof approved | typeof declined) => ({ type: 'happened', outcome }) as const;
const yes = { authorize: approved, capture: approved, refund: approved, void: approved } as const;
const no = { authorize: declined, capture: declined, refund: declined } as const;

const tooLate = (order: Order, { paymentRef }: Obligation) =>
  ({ type: 'already_captured', amount: order.payments[paymentRef]!.amount }) as const;

const ANSWERS: Record<Attitude, (order: Order, obligation: Obligation) => Omit<Facts, 'at'>> = {
  favourable: () => ({ ...yes, abandon: happened(approved) }),
  unfavourable: (order, owed) => ({ ...no, abandon: happened(declined), void: tooLate(order, owed) }),
  forgetful: () => ({
    ...yes,
    authorize: { type: 'not_found' } satisfies Lookup,
    abandon: { type: 'abandoned' },
  }),
  belated: (order, owed) => ({ ...no, abandon: happened(approved), void: tooLate(order, owed) }),
};

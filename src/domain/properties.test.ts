import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { REPAIR_ACTIONS, type Facts } from './commands.ts';
import { isPublicEvent, type OrderEvent } from './events.ts';
import { FRAUD_RULES, type FraudSignals } from './fraud.ts';
import { AMOUNT_MAX } from './money.ts';
import { isSettled } from './agenda.ts';
import { fold, type Order } from './order.ts';
import { DECLINE_REASONS, type Abandonment, type Lookup, type Outcome, type VoidOutcome } from './outcome.ts';
import { isFinal, METHODS } from './payment.ts';
import { orderRow, paymentRow, type LedgerRow } from './projection.ts';
import { refusedByTables } from './test-checks.ts';
import { ACTION, BLOCK, created, DAY, ORDER, QUIET, REVIEW, T0 } from './test-story.ts';
import {
  ATTITUDES,
  MOVES,
  nextOnTheWay,
  startWalk,
  take,
  walk,
  type Attitude,
  type Move,
  type Step,
  type Walk,
} from './test-walk.ts';

/** More of them for a night, or the same again: PROPERTY_RUNS=100000 PROPERTY_SEED=1 npx jest … */
const RUNS = Number(process.env['PROPERTY_RUNS'] ?? 1_500);
const SEED = Number(process.env['PROPERTY_SEED'] ?? Date.now() % 2 ** 31);
const MOVES_MAX = 40;

// ── What may happen ─────────────────────────────────────────────────────────────────────────────

/** With the prototype of every object literal, as JSON gives it. */
const plain = { noNullPrototype: true } as const;
const reference = fc.constantFrom('bnk_1', 'bnk_2');
const approved = fc.record({ type: fc.constant('approved' as const), reference }, plain);
const declined = fc.record(
  {
    type: fc.constant('declined' as const),
    reason: fc.constantFrom(...DECLINE_REASONS),
    reference: fc.option(reference),
  },
  plain,
);
const action = fc.record(
  {
    type: fc.constantFrom('redirect', 'upi_intent', 'otp'),
    url: fc.constant(ACTION.url),
    intentUrl: fc.option(fc.constant('upi://pay')),
    expiresAt: fc.integer({ min: T0, max: T0 + DAY }),
  },
  plain,
);
const requiresAction = fc.record({ type: fc.constant('requires_action' as const), reference, action }, plain);
const pending = fc.record({ type: fc.constant('pending' as const), reference }, plain);
const unknown = fc.record(
  { type: fc.constant('unknown' as const), cause: fc.constantFrom('timeout', 'reset') },
  plain,
);
const outcome: fc.Arbitrary<Outcome> = fc.oneof(
  { weight: 4, arbitrary: approved },
  { weight: 2, arbitrary: declined },
  requiresAction,
  pending,
  { weight: 2, arbitrary: unknown },
);
const lookup: fc.Arbitrary<Lookup> = fc.oneof(
  { weight: 8, arbitrary: outcome },
  fc.constant({ type: 'not_found' } as const),
);
const voided: fc.Arbitrary<VoidOutcome> = fc.oneof(
  { weight: 2, arbitrary: outcome },
  fc.record({ type: fc.constant('already_captured' as const), amount: fc.nat() }, plain),
);
const abandonment: fc.Arbitrary<Abandonment> = fc.oneof(
  fc.constant({ type: 'abandoned' } as const),
  fc.record({ type: fc.constant('happened' as const), outcome: fc.oneof(approved, declined) }, plain),
  fc.constant({ type: 'not_yet' } as const),
  unknown,
);
const answers = { authorize: lookup, capture: outcome, void: voided, refund: lookup, abandon: abandonment };
const facts: fc.Arbitrary<Omit<Facts, 'at'>> = fc.oneof(
  { weight: 4, arbitrary: fc.record(answers, plain) },
  { weight: 1, arbitrary: fc.record(answers, { requiredKeys: [], ...plain }) },
);

const fraudAction = fc.constantFrom('flag', 'review', 'block');
const anySignals: fc.Arbitrary<FraudSignals> = fc.record(
  {
    sameAmount: fc.nat({ max: 1 }),
    attempts: fc.nat({ max: 5 }),
    merchantPayments: fc.constantFrom(0, 50),
    vpaValid: fc.boolean(),
    actions: fc.dictionary(fc.constantFrom(...FRAUD_RULES), fraudAction, { maxKeys: 1, ...plain }),
  },
  plain,
);

const signals = fc.oneof(
  { weight: 5, arbitrary: fc.constant(QUIET) },
  fc.constantFrom(REVIEW, BLOCK),
  anySignals,
);

const move: fc.Arbitrary<Move> = fc.record({
  kind: fc.oneof(
    { weight: 20, arbitrary: fc.constantFrom('pay', 'pay', 'progress', 'refund', 'capture') },
    { weight: 10, arbitrary: fc.constantFrom('give_up', 'decide_review', 'void', 'repair', 'old_progress') },
    { weight: 4, arbitrary: fc.constantFrom('again', 'release', 'deadline') },
    { weight: 1, arbitrary: fc.constantFrom(...MOVES) },
  ),
  pick: fc.nat({ max: 11 }),
  percent: fc.option(fc.integer({ min: 0, max: 120 })),
  waitMs: fc.oneof(fc.nat({ max: 5_000 }), fc.nat({ max: 6 * DAY })),
  approve: fc.boolean(),
  action: fc.constantFrom(...REPAIR_ACTIONS),
  method: fc.constantFrom(...METHODS),
  signals,
  facts,
});

const beginning = fc
  .record({
    amount: fc.oneof(fc.integer({ min: 1, max: AMOUNT_MAX }), fc.integer({ min: 1, max: 100 })),
    currency: fc.constantFrom('INR', 'USD', 'EUR'),
    captureMode: fc.constantFrom('automatic', 'manual'),
    source: fc.constantFrom('api', 'qr', 'legacy'),
    expiresAt: fc.integer({ min: T0 + 60_000, max: T0 + 7 * DAY }),
  })
  .map((change) => created(change));

const life = fc.tuple(beginning, fc.array(move, { minLength: 1, maxLength: MOVES_MAX, size: 'max' }));

interface Walked {
  readonly end: Walk;
  readonly steps: readonly Step[];
}

/** All steps of a walk; a move that has nothing to be about is left out. */
function live([first, moves]: readonly [OrderEvent, readonly Move[]]): Walked {
  let end = startWalk(first, ORDER);
  const steps: Step[] = [];
  for (const next of moves) {
    const went = walk(end, next);
    if (went === null) continue;
    end = went.walk;
    steps.push(went.step);
  }
  return { end, steps };
}

/** Walked once for all properties. */
let lives: readonly Walked[] | undefined;
const allLives = () => (lives ??= fc.sample(life, { seed: SEED, numRuns: RUNS }).map(live));

function everyLife(title: string, holds: (walked: Walked) => void): void {
  test(`in every life of an order: ${title}`, () => {
    try {
      allLives().forEach(holds);
    } catch (error) {
      // The same lives once more: fast-check finds the shortest one that fails and prints the seed.
      fc.assert(
        fc.property(life, (one) => holds(live(one))),
        { seed: SEED, numRuns: RUNS },
      );
      throw error;
    }
  });
}

/** Like `expect(…).toEqual([])`, a hundred times as fast. */
function none(wrong: readonly unknown[]): void {
  if (wrong.length > 0)
    throw new Error(wrong.map((one) => (typeof one === 'string' ? one : JSON.stringify(one))).join('\n'));
}

// ── What always holds ───────────────────────────────────────────────────────────────────────────

everyLife('a command gets one reply and at least one event, the loop itself gets no reply', ({ steps }) => {
  for (const { instruction, events, reply } of steps) {
    if (!('id' in instruction)) none(reply === null ? [] : ['a reply to nobody']);
    else none(reply === null || events.length === 0 ? [instruction] : []);
    if (reply?.ok === false)
      none(events.map(({ type }) => type).join() === 'command.refused' ? [] : [...events]);
  }
});

everyLife('events are numbered without a gap and no payment stays submitted', ({ end, steps }) => {
  none(end.events.filter(({ seq }, index) => seq !== index + 1));
  for (const { after } of steps)
    none(Object.values(after.payments).filter(({ phase }) => phase === 'submitted'));
});

everyLife('the tables take every batch: amounts, one capture, legal phases, balanced ledger', ({ steps }) => {
  for (const { before, after, changes } of steps) none(refusedByTables(before, after, changes));
});

everyLife('one payment at most is ever captured, and it pays the order', ({ end }) => {
  const captures = end.events.filter(({ type }) => type === 'payment.captured');
  none(captures.slice(1));
  const paid = end.events.filter(({ type }) => type === 'order.paid');
  none(paid.length === captures.length ? [] : [...captures, ...paid]);
});

everyLife(
  'what refunds reserve and have given back is what their payment says, never above its capture',
  ({ end }) => {
    const refunds = Object.values(end.order.refunds);
    for (const payment of Object.values(end.order.payments)) {
      const its = refunds.filter(({ paymentRef }) => paymentRef === payment.ref);
      if (!('amountCaptured' in payment)) {
        // A second capture of the order, given back as a whole.
        none(its.slice(1));
        continue;
      }
      const sum = (wanted: readonly string[]) =>
        its.filter(({ status }) => wanted.includes(status)).reduce((total, { amount }) => total + amount, 0);
      none(payment.amountReserved === sum(['pending', 'processed']) ? [] : [payment]);
      none(payment.amountRefunded === sum(['processed']) ? [] : [payment]);
      none(payment.amountReserved <= payment.amountCaptured ? [] : [payment]);
    }
  },
);

everyLife('the ledger says captured − refunded on both accounts', ({ end, steps }) => {
  const ledger = steps.flatMap(({ changes }) => changes.ledger);
  const balance = (account: LedgerRow['account']) =>
    ledger.filter((row) => row.account === account).reduce((total, row) => total + row.amount, 0);
  const row = orderRow(end.order);
  const extra = Object.values(end.order.refunds).filter(
    ({ paymentRef, status }) =>
      status !== 'processed' && !('amountCaptured' in end.order.payments[paymentRef]!),
  );
  const held = extra.reduce((total, { amount }) => total + amount, row.amount_paid - row.amount_refunded);
  none(balance('bank') === held && balance('merchant') === -held ? [] : [row, ...ledger]);
});

everyLife(
  'a payment that was ever in doubt fails only after a confirmed abandon or a repair',
  ({ steps }) => {
    const doubted = new Set<string>();
    for (const { instruction, facts: learnt, events } of steps) {
      const isConfirmed =
        learnt.abandon?.type === 'abandoned' ||
        learnt.abandon?.type === 'happened' ||
        (instruction.kind === 'repair' && instruction.action === 'confirm_failed');
      for (const event of events) {
        if (event.type === 'payment.unknown') doubted.add(event.data.paymentRef);
        else if (event.type === 'payment.failed' && doubted.has(event.data.paymentRef)) {
          none(isConfirmed ? [] : [instruction, event]);
        }
      }
    }
  },
);

everyLife('what merchants are told has all five fields', ({ steps }) => {
  for (const { changes } of steps) {
    for (const { type, payload } of changes.events) {
      none(isPublicEvent(type) === (payload !== null) ? [] : [type]);
      if (payload === null) continue;
      const fields = ['payment_ref', 'order_ref', 'amount', 'method', 'status'];
      none(fields.filter((field) => !(field in payload)).map((field) => `${type}: ${field}`));
      if (!type.startsWith('order.'))
        none(payload.payment_ref === null || payload.method === null ? [payload] : []);
      if (type.startsWith('refund.')) none(payload.refund_amount === undefined ? [payload] : []);
    }
  }
});

everyLife('events folded again, at once or with repeats, give the same order', ({ end, steps }) => {
  none(isDeepStrictEqual(fold(ORDER, end.events), end.order) ? [] : ['replayed']);
  const repeated = steps.reduce(
    (order: Order | null, { after }) => fold(ORDER, end.events.slice(0, after.seq), order),
    null,
  );
  none(repeated === null || isDeepStrictEqual(repeated, end.order) ? [] : ['repeated']);
});

everyLife('nothing is lost as JSON: state, events, instructions, facts, replies, rows', ({ end, steps }) => {
  const whole = [
    end.order,
    end.events,
    steps.map(({ instruction, facts: f, reply, changes }) => [instruction, f, reply, changes]),
  ];
  none(isDeepStrictEqual(JSON.parse(JSON.stringify(whole)), whole) ? [] : ['JSON']);
});

everyLife('the reply shows the rows as the tables have them then', ({ steps }) => {
  for (const { after, reply } of steps) {
    if (reply?.ok !== true) continue;
    none(isDeepStrictEqual(reply.order, orderRow(after)) ? [] : [reply]);
    if (reply.payment === undefined) continue;
    none(isDeepStrictEqual(reply.payment, paymentRow(after, reply.payment.payment_ref)) ? [] : [reply]);
  }
});

everyLife('whatever the bank answers from here on, answers and time bring it to its end', ({ end }) => {
  for (const attitude of ATTITUDES) comeToAnEnd(end, attitude);
});

function comeToAnEnd(from: Walk, attitude: Attitude): void {
  let end = from;
  const { payments, refunds } = from.order;
  const bound = 12 * (Object.keys(payments).length + 1) + Object.keys(refunds).length;
  for (let count = 0; !isSettled(end.order); count += 1) {
    const next = nextOnTheWay(end.order, attitude);
    if (next === null || count > bound) throw new Error(`${attitude}: no end after ${count} steps`);
    const { walk: further, step } = take(end, next.instruction, next.facts);
    none(refusedByTables(step.before, step.after, step.changes));
    end = further;
  }
  none(Object.values(end.order.payments).filter(({ phase }) => !isFinal(phase)));
  none(Object.values(end.order.refunds).filter(({ status }) => status === 'pending'));
  none(end.order.status === 'paid' || end.order.status === 'expired' ? [] : [end.order.status]);
}

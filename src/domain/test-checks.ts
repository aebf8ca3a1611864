import type { Order } from './order.ts';
import type { Phase } from './payment.ts';
import type { Changes, LedgerRow, OrderRow, PaymentRow, RefundRow } from './projection.ts';

/**
 * What the tables refuse, as predicates: copied from the checks of migrations/202611240900_create_payflow.ts.
 * migrations/guards.pg.test.ts sees that Postgres has them.
 */

type Check<Row> = readonly [name: string, holds: (row: Row) => boolean];

const AMOUNT_MAX = 99_999_999_999;
const isTaken = (phase: string) => phase === 'captured' || phase === 'refunded';
const isEnded = (phase: string) => phase === 'voided' || phase === 'failed';

const ORDER_CHECKS: readonly Check<OrderRow>[] = [
  ['amount', (o) => o.amount >= 1 && o.amount <= AMOUNT_MAX],
  ['status', (o) => ['created', 'attempted', 'paid', 'expired'].includes(o.status)],
  [
    'amounts in order',
    (o) =>
      0 <= o.amount_refunded &&
      o.amount_refunded <= o.amount_reserved &&
      o.amount_reserved <= o.amount_paid &&
      o.amount_paid <= o.amount,
  ],
  ['captured payment', (o) => (o.captured_payment_ref === null) === (o.amount_paid === 0)],
  ['paid', (o) => o.status !== 'paid' || o.captured_payment_ref !== null],
];

const PAYMENT_CHECKS: readonly Check<PaymentRow>[] = [
  ['amount', (p) => p.amount > 0],
  ['method', (p) => ['upi', 'card', 'netbanking', 'wallet'].includes(p.method)],
  [
    'amounts in order',
    (p) => 0 <= p.amount_refunded && p.amount_refunded <= p.amount_captured && p.amount_captured <= p.amount,
  ],
  ['captured', (p) => isTaken(p.phase) === p.amount_captured > 0],
  ['ended', (p) => isEnded(p.phase) === (p.error_reason !== null)],
];

const REFUND_CHECKS: readonly Check<RefundRow>[] = [
  ['amount', (r) => r.amount > 0],
  ['status', (r) => ['pending', 'processed', 'failed'].includes(r.status)],
];

const LEDGER_CHECKS: readonly Check<LedgerRow>[] = [
  ['account', (l) => l.account === 'bank' || l.account === 'merchant'],
  ['amount', (l) => l.amount !== 0],
];

/** payment_phase_reach, as the migration fills it. */
export const PHASE_REACH: Readonly<Partial<Record<Phase, string>>> = {
  awaiting_customer: 'abandoning,authorized,in_review,capturing,voiding,captured,refunded,voided,failed',
  unknown:
    'awaiting_customer,abandoning,authorized,in_review,capturing,voiding,captured,refunded,voided,failed',
  abandoning: 'authorized,in_review,capturing,voiding,captured,refunded,voided,failed',
  authorized: 'in_review,capturing,voiding,captured,refunded,voided',
  in_review: 'authorized,capturing,voiding,captured,refunded,voided',
  capturing: 'authorized,in_review,voiding,captured,refunded,voided',
  voiding: 'captured,refunded,voided',
  captured: 'refunded',
};

/** Why Postgres would not take a batch; empty where it would. */
export function refusedByTables(before: Order, after: Order, changes: Changes): string[] {
  return [
    ...failed('orders', ORDER_CHECKS, [changes.order]),
    ...failed('payments', PAYMENT_CHECKS, changes.payments),
    ...failed('refunds', REFUND_CHECKS, changes.refunds),
    ...failed('ledger_entries', LEDGER_CHECKS, changes.ledger),
    ...illegalMoves(before, changes.payments),
    ...unbalanced(changes.ledger),
    ...secondCapture(after),
  ];
}

function failed<Row>(table: string, checks: readonly Check<Row>[], rows: readonly Row[]): string[] {
  return rows.flatMap((row) =>
    checks.filter(([, holds]) => !holds(row)).map(([name]) => `${table}: ${name} ${JSON.stringify(row)}`),
  );
}

/** payments_legal_phase: a new row may have any phase. */
function illegalMoves(before: Order, rows: readonly PaymentRow[]): string[] {
  return rows.flatMap(({ payment_ref: ref, phase }) => {
    const from = before.payments[ref]?.phase;
    if (from === undefined || from === phase) return [];
    return PHASE_REACH[from]?.split(',').includes(phase) ? [] : [`${ref} from ${from} to ${phase}`];
  });
}

/** ledger_entries_balance. */
function unbalanced(rows: readonly LedgerRow[]): string[] {
  const sums = new Map<number, number>();
  for (const { order_seq: seq, amount } of rows) sums.set(seq, (sums.get(seq) ?? 0) + amount);
  return [...sums].filter(([, sum]) => sum !== 0).map(([seq, sum]) => `ledger at ${seq} is off by ${sum}`);
}

/** payments_one_captured. */
function secondCapture(after: Order): string[] {
  const taken = Object.values(after.payments).filter(({ phase }) => isTaken(phase));
  return taken.length > 1 ? [`captured: ${taken.map(({ ref }) => ref).join(' and ')}`] : [];
}

import type { Reason } from '../domain/errors.ts';
import { paymentStatus, PHASES, TRANSITIONS, type PaymentStatus, type Phase } from '../domain/payment.ts';
import type { ClientAnswer } from './client-log.ts';
import type { Difference, DifferenceCode } from './difference.ts';
import type { OrderRecords, StoredCommand } from './order-records.ts';

/** Refusals that stay with their key: nothing is ever carried out under it any more. */
const KEPT_REFUSALS: readonly Reason[] = [
  'order_already_paid',
  'order_expired',
  'too_many_payments',
  'cannot_capture',
  'cannot_void',
  'cannot_refund',
  'capture_exceeds_authorization',
  'refund_exceeds_refundable',
  'capture_declined',
];

/** Accepted, and nothing promised yet. */
const ACCEPTED = 202;
const GRANTED_BELOW = 300;

/**
 * What a client was told, answer by answer, against what the tables say by now. An answer is true if
 * what stands may have followed from it: captured and refunded since is no difference, captured and
 * failed is one.
 */
export function compareClient(records: OrderRecords): Difference[] {
  const ref = records.order.order_ref;
  return records.answers.flatMap((answer) =>
    contradictions(answer, records).map(({ code, sides }) => ({ code, ref, what: nameOf(answer), sides })),
  );
}

/** An answer about an order that is in no table. */
export function unknownToldOrder(answer: ClientAnswer): Difference {
  const sides = [`client ${answer.status}`, 'orders nothing'] as const;
  return { code: 'client_order_unknown', ref: answer.order_ref ?? 'no order', what: nameOf(answer), sides };
}

function nameOf({ source, kind, payment_ref, refund_ref }: ClientAnswer): string {
  return [source, kind, refund_ref ?? payment_ref].filter((word) => word !== null).join(' ');
}

interface Contradiction {
  readonly code: DifferenceCode;
  readonly sides: readonly [string, string];
}

function contradictions(answer: ClientAnswer, records: OrderRecords): Contradiction[] {
  if (answer.status >= GRANTED_BELOW) return compareRefusal(answer, records);
  return [
    ...compareCommand(answer, records),
    ...compareOrder(answer, records),
    ...comparePayment(answer, records),
    ...compareRefund(answer, records),
  ];
}

function compareRefusal(
  { kind, reason, idempotency_key: key }: ClientAnswer,
  { order, commands }: OrderRecords,
): Contradiction[] {
  const found: Contradiction[] = [];
  if (reason === 'order_already_paid' && order.captured_payment_ref === null) {
    found.push({ code: 'client_status_differs', sides: [`client ${reason}`, `order ${order.status}`] });
  }
  const granted = commands.some(
    (command) => key !== null && command.kind === kind && command.idem_key === key && command.reply?.ok,
  );
  if (granted && KEPT_REFUSALS.some((kept) => kept === reason)) {
    found.push({ code: 'client_reply_differs', sides: [`client ${reason}`, 'reply ok'] });
  }
  return found;
}

function compareCommand(answer: ClientAnswer, { commands }: OrderRecords): Contradiction[] {
  const { status, idempotency_key: key } = answer;
  const told = `client ${status}${key === null ? '' : ` under ${key}`}`;
  const command = commands.find((each) => isAbout(each, answer));
  if (command === undefined) {
    return [{ code: 'client_command_unknown', sides: [told, 'commands nothing'] }];
  }
  const { reply } = command;
  if (status === ACCEPTED || reply?.ok === true) return [];
  return [{ code: 'client_reply_differs', sides: [told, `reply ${reply === null ? 'none' : reply.reason}`] }];
}

function isAbout({ kind, idem_key, args }: StoredCommand, answer: ClientAnswer): boolean {
  return (
    kind === answer.kind &&
    [
      [answer.idempotency_key, idem_key],
      [answer.payment_ref, args.paymentRef],
      [answer.refund_ref, args.refundRef],
    ].every(([told, stored]) => told === null || told === stored)
  );
}

function compareOrder({ kind, amount }: ClientAnswer, { order }: OrderRecords): Contradiction[] {
  return kind === 'create' ? compareAmount('order', amount, order.amount) : [];
}

function comparePayment(answer: ClientAnswer, { payments }: OrderRecords): Contradiction[] {
  const { kind, payment_ref: ref, payment_status: told, amount, amount_captured: captured } = answer;
  if (ref === null) return [];
  const row = payments.find(({ payment_ref }) => payment_ref === ref);
  if (row === undefined) return missing(answer, 'payments');
  const found: Contradiction[] = [];
  if (told !== null && !statusesAfter(told).has(paymentStatus(row.phase))) {
    found.push({ code: 'client_status_differs', sides: [`client ${told}`, `payment ${row.phase}`] });
  }
  // Before the capture 0 was told, whatever was taken later.
  const taken = captured === 0 ? null : captured;
  return [
    ...found,
    ...(kind === 'refund' ? [] : compareAmount('payment', amount, row.amount)),
    ...compareAmount('captured', taken, row.amount_captured),
  ];
}

function compareRefund(answer: ClientAnswer, { refunds }: OrderRecords): Contradiction[] {
  const { refund_ref: ref, refund_status: told, amount } = answer;
  if (ref === null) return [];
  const row = refunds.find(({ refund_ref }) => refund_ref === ref);
  if (row === undefined) return missing(answer, 'refunds');
  const follows = told === null || told === 'pending' || told === row.status;
  const differs: Contradiction = {
    code: 'client_status_differs',
    sides: [`client ${told ?? ''}`, `refund ${row.status}`],
  };
  return [...(follows ? [] : [differs]), ...compareAmount('refund', amount, row.amount)];
}

/** What was only accepted may have been refused since. */
function missing({ status }: ClientAnswer, table: string): Contradiction[] {
  return status === ACCEPTED
    ? []
    : [{ code: 'client_row_missing', sides: [`client ${status}`, `${table} nothing`] }];
}

function compareAmount(name: string, told: number | null, stored: number): Contradiction[] {
  if (told === null || told === stored) return [];
  return [{ code: 'client_amount_differs', sides: [`client ${told}`, `${name} ${stored}`] }];
}

/** The API's statuses that a payment of this status can have later, and this one. */
function statusesAfter(status: PaymentStatus): Set<PaymentStatus> {
  const phases = new Set<Phase>(PHASES.filter((phase) => paymentStatus(phase) === status));
  // A set that grows while it is walked: each phase that is reached is walked too.
  for (const phase of phases) {
    for (const next of Object.values(TRANSITIONS[phase])) phases.add(next);
  }
  return new Set([...phases].map(paymentStatus));
}

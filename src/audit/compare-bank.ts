import type { Phase } from '../domain/payment.ts';
import type { PaymentRow } from '../domain/projection.ts';
import type { Difference } from './difference.ts';
import type { JournalEntry, OrderRecords } from './order-records.ts';

/** From here a payment does not move by itself, and the bank is not asked about it any more. */
const FINAL: readonly Phase[] = ['captured', 'refunded', 'voided', 'failed'];

/** What the bank's journal says about an order against what we say. */
export function compareBank(records: OrderRecords): Difference[] {
  const { order } = records;
  const ref = order.order_ref;
  const moves = records.journal.filter(({ kind }) => kind !== 'abandon');
  const captured = sum(moves, 'capture');
  const refunded = sum(moves, 'refund');
  const found: Difference[] = [
    ...compareAmounts(records, { captured, refunded }),
    ...comparePayments(records),
  ];
  if (refunded > captured) {
    const sides = [`captured ${captured}`, `refunded ${refunded} ${order.currency}`] as const;
    found.push({ code: 'bank_over_refunded', ref, what: 'refunds at the bank', sides });
  }
  const commands = new Set(records.commands.map(({ id }) => id));
  for (const { kind, key, amount, currency } of moves) {
    if (commands.has(commandIdOf(key))) continue;
    const sides = [`bank ${amount} ${currency ?? ''}`, 'commands nothing'] as const;
    found.push({ code: 'bank_command_unknown', ref, what: `${kind} ${key}`, sides });
  }
  return found;
}

/** One line of the journal whose order is in no table. */
export function unknownCharge({ order_ref, kind, key, amount, currency }: JournalEntry): Difference {
  const sides = [`bank ${amount} ${currency ?? ''}`, 'orders nothing'] as const;
  return { code: 'bank_order_unknown', ref: order_ref ?? 'no order', what: `${kind} ${key}`, sides };
}

/** Our keys are `<command id>/<step>`. */
function commandIdOf(key: string): string {
  return key.split('/')[0] ?? key;
}

function sum(entries: readonly JournalEntry[], kind: JournalEntry['kind']): number {
  return entries.filter((entry) => entry.kind === kind).reduce((total, { amount }) => total + amount, 0);
}

/** Something is under way at the bank: it may know more than we do, never less. */
function isMoving({ payments, refunds, commands }: OrderRecords): boolean {
  return (
    payments.some(({ phase }) => !FINAL.includes(phase)) ||
    refunds.some(({ status }) => status === 'pending') ||
    commands.some(({ reply }) => reply === null)
  );
}

function compareAmounts(records: OrderRecords, bank: { captured: number; refunded: number }): Difference[] {
  const { order, ledger, journal } = records;
  const ref = order.order_ref;
  const lines = ledger.filter(({ account }) => account === 'bank').map(({ amount }) => amount);
  const booked = {
    captured: lines.filter((amount) => amount > 0).reduce((total, amount) => total + amount, 0),
    refunded: -lines.filter((amount) => amount < 0).reduce((total, amount) => total + amount, 0),
  };
  const moving = isMoving(records);
  const differs = (atBank: number, here: number) => (moving ? atBank < here : atBank !== here);
  const foreign = journal.find(({ currency }) => currency !== null && currency !== order.currency)?.currency;
  const named = (amount: number) => (amount === 0 ? '0' : `${amount} ${foreign ?? order.currency}`);
  return (['captured', 'refunded'] as const)
    .filter((side) => differs(bank[side], booked[side]) || (foreign != null && bank[side] !== 0))
    .map((side) => ({
      code: side === 'captured' ? 'bank_capture' : 'bank_refund',
      ref,
      what: side === 'captured' ? 'capture' : 'refund',
      sides: [
        `bank ${named(bank[side])}`,
        `ledger ${booked[side] === 0 ? '0' : `${booked[side]} ${order.currency}`}`,
      ],
    }));
}

/** What the bank did about one payment. */
interface Standing {
  readonly name: string;
  /** Undefined: no command of ours is behind it, or its payment has no row. */
  readonly row: PaymentRow | undefined;
  /** We are still at it, so that nothing is forgotten yet. */
  readonly open: boolean;
  readonly entries: readonly JournalEntry[];
}

function comparePayments(records: OrderRecords): Difference[] {
  const { order } = records;
  const ref = order.order_ref;
  const standings = standingsOf(records);
  const kept = standings.filter(({ open }) => !open).flatMap(({ entries }) => unreturned(entries));
  const twice: Difference[] =
    kept.length <= 1
      ? []
      : [
          {
            code: 'bank_captured_twice',
            ref,
            what: 'captures at the bank',
            sides: [`bank ${kept.map(({ amount }) => amount).join(' + ')} ${order.currency}`, 'at most 1'],
          },
        ];
  return [...twice, ...standings.flatMap((standing) => compareStanding(ref, standing))];
}

/** The captures that no refund of the same payment has given back as a whole. */
function unreturned(entries: readonly JournalEntry[]): JournalEntry[] {
  let refunded = sum(entries, 'refund');
  return entries.filter(({ kind, amount }) => {
    if (kind !== 'capture') return false;
    if (amount > refunded) return true;
    refunded -= amount;
    return false;
  });
}

function compareStanding(ref: string, { name, row, open, entries }: Standing): Difference[] {
  if (open) return [];
  const phase = row?.phase ?? 'no row';
  const currency = entries[0]?.currency ?? '';
  const [held, captured] = [sum(entries, 'authorize'), sum(entries, 'capture')];
  const isTaken = row !== undefined && row.amount_captured > 0;
  const found: Difference[] = [];
  if (held > 0 && captured === 0 && sum(entries, 'void') === 0) {
    const sides = [`bank holds ${held} ${currency}`, `payment ${phase}`] as const;
    found.push({ code: 'bank_hold_forgotten', ref, what: `hold of ${name}`, sides });
  }
  if (captured > sum(entries, 'refund') && !isTaken) {
    const sides = [`bank captured ${captured} ${currency}`, `payment ${phase}`] as const;
    found.push({ code: 'bank_capture_unrecorded', ref, what: `capture of ${name}`, sides });
  }
  return found;
}

/** The journal by payment: the command in each key says which one. */
function standingsOf({ journal, commands, payments }: OrderRecords): Standing[] {
  const byId = new Map(commands.map((command) => [command.id, command]));
  const groups = new Map<string, JournalEntry[]>();
  for (const entry of journal) {
    const id = commandIdOf(entry.key);
    const name = byId.get(id)?.args.paymentRef ?? id;
    groups.set(name, [...(groups.get(name) ?? []), entry]);
  }
  const unanswered = new Set(
    commands.filter(({ reply }) => reply === null).map(({ args }) => args.paymentRef),
  );
  return [...groups].map(([name, entries]) => {
    const row = payments.find(({ payment_ref }) => payment_ref === name);
    const open = unanswered.has(name) || (row !== undefined && !FINAL.includes(row.phase));
    return { name, row, open, entries };
  });
}

import { isDeepStrictEqual } from 'node:util';
import { shown, type Difference } from './difference.ts';
import type { History } from './compare-history.ts';
import type { OrderRecords } from './order-records.ts';

/** The read models against what the events make of them: every row, every column. */
export function compareRows(records: OrderRecords, { changes }: History): Difference[] {
  const { order, payments, refunds, ledger } = records;
  const ref = order.order_ref;
  return [
    ...compareTable({ ref, table: 'orders', expected: [changes.order], found: [order], keys: ['order_ref'] }),
    ...compareTable({
      ref,
      table: 'payments',
      expected: changes.payments,
      found: payments,
      keys: ['payment_ref'],
    }),
    ...compareTable({
      ref,
      table: 'refunds',
      expected: changes.refunds,
      found: refunds,
      keys: ['refund_ref'],
    }),
    ...compareTable({
      ref,
      table: 'ledger_entries',
      expected: changes.ledger,
      found: ledger,
      keys: ['order_seq', 'line'],
    }),
  ];
}

interface Table {
  readonly ref: string;
  readonly table: string;
  readonly expected: readonly object[];
  readonly found: readonly object[];
  /** The columns that tell its rows from each other. */
  readonly keys: readonly string[];
}

type Row = Readonly<Record<string, unknown>>;

function compareTable({ ref, table, expected, found, keys }: Table): Difference[] {
  const keyed = (rows: readonly object[]) =>
    new Map((rows as Row[]).map((row) => [keys.map((key) => shown(row[key])).join('/'), row]));
  const [wanted, stored] = [keyed(expected), keyed(found)];
  const all = [...new Set([...wanted.keys(), ...stored.keys()])];
  return all.flatMap((key): Difference[] => {
    const [row, actual] = [wanted.get(key), stored.get(key)];
    const what = `${table} ${key}`;
    if (actual === undefined) {
      return [{ code: 'row_missing', ref, what, sides: [`events ${amountOf(row)}`, 'table nothing'] }];
    }
    if (row === undefined) {
      return [{ code: 'row_unexpected', ref, what, sides: ['events nothing', `table ${amountOf(actual)}`] }];
    }
    return compareColumns(row, actual).map(({ column, sides }) => ({
      code: 'row_differs',
      ref,
      what: `${what} ${column}`,
      sides: [`events ${sides[0]}`, `table ${sides[1]}`],
    }));
  });
}

function amountOf(row: Row | undefined): string {
  return `${shown(row?.['amount'])} ${shown(row?.['currency'])}`;
}

/** The columns of the first that are another in the second. */
export function compareColumns(
  expected: object,
  found: object,
): { column: string; sides: [string, string] }[] {
  return Object.entries(expected as Row)
    .filter(([column, value]) => !isDeepStrictEqual(value, (found as Row)[column]))
    .map(([column, value]) => ({ column, sides: [shown(value), shown((found as Row)[column])] }));
}

import { compareBank } from './compare-bank.ts';
import { compareClient } from './compare-client.ts';
import { compareCommands } from './compare-commands.ts';
import { compareDeliveries } from './compare-deliveries.ts';
import { compareHistory } from './compare-history.ts';
import { compareRows } from './compare-rows.ts';
import type { Difference } from './difference.ts';
import { OVERDUE_MS, type OrderRecords } from './order-records.ts';

/** Everything that can be said about one order from its records alone; `now` in epoch ms. */
export function compareOrder(records: OrderRecords, now: number): Difference[] {
  const { differences, history } = compareHistory(records);
  return [
    ...differences,
    ...(history === null ? [] : compareRows(records, history)),
    ...compareCommands(records, history, now),
    ...compareBank(records),
    ...compareDeliveries(records, now),
    ...compareClient(records),
    ...compareDue(records, now),
  ];
}

function compareDue({ order }: OrderRecords, now: number): Difference[] {
  const { order_ref: ref, due_at: due, status } = order;
  if (due === null || Date.parse(due) > now - OVERDUE_MS) return [];
  return [{ code: 'order_overdue', ref, what: 'end', sides: [`due ${due}`, `status ${status}`] }];
}

import { isDeepStrictEqual } from 'node:util';
import type { OrderEvent } from '../domain/events.ts';
import { fold, type Order } from '../domain/order.ts';
import { project, type Changes } from '../domain/projection.ts';
import { shown, type Difference } from './difference.ts';
import type { OrderRecords, StoredEvent } from './order-records.ts';

/** The order as its events tell it. */
export interface History {
  readonly events: readonly OrderEvent[];
  readonly changes: Changes;
  /** As it was when this event had happened. */
  readonly orderAt: (seq: number) => Order;
}

/** What events say by themselves, before anything is compared with them; no history where they are incomplete. */
export function compareHistory(records: OrderRecords): {
  differences: Difference[];
  history: History | null;
} {
  const ref = records.order.order_ref;
  const gaps = compareNumbers(records);
  const differences = [...gaps, ...compareBatches(records)];
  if (gaps.length > 0) return { differences, history: null };
  try {
    const history = readHistory(ref, records.events);
    return { differences: [...differences, ...compareEventRows(records, history)], history };
  } catch (error) {
    const sides = ['events', (error as Error).message] as const;
    return {
      differences: [...differences, { code: 'event_unfoldable', ref, what: 'history', sides }],
      history: null,
    };
  }
}

function readHistory(ref: string, stored: readonly StoredEvent[]): History {
  const events = stored.map(
    ({ order_seq: seq, at, type, data }) => ({ seq, at: Date.parse(at), type, data }) as OrderEvent,
  );
  const born = fold(ref, events.slice(0, 1));
  return {
    events,
    changes: project(born, events.slice(1)),
    orderAt: (seq) => fold(ref, events.slice(0, seq)),
  };
}

/** 1, 2, 3 … up to the order's last number. */
function compareNumbers({ order, events }: OrderRecords): Difference[] {
  const ref = order.order_ref;
  const gaps: Difference[] = [];
  let expected = 1;
  for (const { order_seq: found } of events) {
    if (found !== expected) {
      gaps.push({
        code: 'event_gap',
        ref,
        what: 'events',
        sides: [`expected ${expected}`, `found ${found}`],
      });
    }
    expected = found + 1;
  }
  const last = expected - 1;
  if (last === order.last_seq) return gaps;
  const sides = [`order ${order.last_seq}`, `events ${last}`] as const;
  return [...gaps, { code: 'event_gap', ref, what: 'last number', sides }];
}

/** Each batch holds the events after its number, up to the number of the next one. */
function compareBatches({ order, events, batches }: OrderRecords): Difference[] {
  const ref = order.order_ref;
  const known = new Set(batches.map(({ after_seq }) => after_seq));
  const lost = events.filter(({ after_seq }) => !known.has(after_seq));
  const batchless = lost.map(({ order_seq, after_seq }): Difference => ({
    code: 'event_batch',
    ref,
    what: `event ${order_seq}`,
    sides: [`event after ${after_seq}`, 'batch none'],
  }));
  const uncovered = batches.flatMap(({ after_seq: after }, index): Difference[] => {
    const upTo = batches[index + 1]?.after_seq ?? order.last_seq;
    const held = events.filter(({ after_seq }) => after_seq === after).map(({ order_seq }) => order_seq);
    if (held.length === upTo - after && held[0] === after + 1 && held.at(-1) === upTo) return [];
    const sides = [`batch ${after + 1} to ${upTo}`, `events ${held.join(' ') || 'none'}`] as const;
    return [{ code: 'event_batch', ref, what: `batch after ${after}`, sides }];
  });
  return [...batchless, ...uncovered];
}

/** What merchants are told of an event, and its id, follow from the events too. */
function compareEventRows({ order, events }: OrderRecords, { changes }: History): Difference[] {
  const ref = order.order_ref;
  return changes.events.flatMap(({ id, order_seq: seq, payload }): Difference[] => {
    const found = events[seq - 1];
    const faults: [string, unknown, unknown][] = [];
    if (found?.id !== id) faults.push(['id', id, found?.id]);
    if (!isDeepStrictEqual(found?.payload, payload)) faults.push(['payload', payload, found?.payload]);
    return faults.map(([column, expected, actual]) => ({
      code: 'row_differs',
      ref,
      what: `events ${seq} ${column}`,
      sides: [`events ${shown(expected)}`, `table ${shown(actual)}`],
    }));
  });
}

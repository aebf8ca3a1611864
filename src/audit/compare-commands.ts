import type { Reply } from '../domain/commands.ts';
import { orderRow, paymentRow, refundRow } from '../domain/projection.ts';
import { compareColumns } from './compare-rows.ts';
import type { History } from './compare-history.ts';
import { shown, type Difference } from './difference.ts';
import { SETTLING_MS, type OrderRecords, type StoredBatch, type StoredCommand } from './order-records.ts';

/** Each command against its reply and the batch in which it was carried out. */
export function compareCommands(records: OrderRecords, history: History | null, now: number): Difference[] {
  const { order, commands, batches } = records;
  const ref = order.order_ref;
  return [
    ...namedButMissing(records),
    ...commands.flatMap((command) => {
      const what = `command ${command.kind} ${command.id}`;
      const own = batches.filter(({ command_id }) => command_id === command.id);
      return [
        ...compareAnswered(command, { ref, what, now }),
        ...compareBatches(own, { ref, what }),
        ...compareReply({ command, batch: own[0], batches, history }).map(({ part, sides }): Difference => ({
          code: 'reply_differs',
          ref,
          what: `${what} ${part}`,
          sides,
        })),
      ];
    }),
  ];
}

function compareAnswered(
  { reply, accepted_at }: StoredCommand,
  { ref, what, now }: { ref: string; what: string; now: number },
): Difference[] {
  if (reply !== null || Date.parse(accepted_at) > now - SETTLING_MS) return [];
  return [{ code: 'command_unanswered', ref, what, sides: [`accepted ${accepted_at}`, 'reply none'] }];
}

function compareBatches(
  own: readonly StoredBatch[],
  { ref, what }: { ref: string; what: string },
): Difference[] {
  if (own.length <= 1) return [];
  const after = own.map(({ after_seq }) => after_seq).join(' ');
  return [{ code: 'command_batches', ref, what, sides: ['command 1', `batches after ${after}`] }];
}

function namedButMissing({ order, commands, batches, payments }: OrderRecords): Difference[] {
  const ref = order.order_ref;
  const known = new Set(commands.map(({ id }) => id));
  const named = [
    ...batches.map(({ after_seq, command_id }) => ({ by: `batch after ${after_seq}`, command_id })),
    ...payments.map(({ payment_ref, command_id }) => ({ by: payment_ref, command_id })),
  ];
  return named
    .filter(({ command_id }) => command_id !== null && !known.has(command_id))
    .map(({ by, command_id }) => ({
      code: 'command_missing',
      ref,
      what: `command of ${by}`,
      sides: [`named ${shown(command_id)}`, 'commands nothing'],
    }));
}

interface Answer {
  readonly command: StoredCommand;
  readonly batch: StoredBatch | undefined;
  readonly batches: readonly StoredBatch[];
  readonly history: History | null;
}

interface ReplyFault {
  readonly part: string;
  readonly sides: readonly [string, string];
}

function compareReply({ command, batch, batches, history }: Answer): ReplyFault[] {
  const { reply } = command;
  if (reply === null) {
    return batch === undefined ? [] : [{ part: 'reply', sides: ['reply none', `batch ${batch.after_seq}`] }];
  }
  if (batch === undefined) {
    // Refused before it was accepted: kept under its key without arguments, and never carried out.
    const kept = !reply.ok && Object.keys(command.args).length === 0;
    return kept ? [] : [{ part: 'reply', sides: [verdictOf(reply), 'batch none'] }];
  }
  if (history === null) return [];
  const end = batches.find(({ after_seq }) => after_seq > batch.after_seq)?.after_seq;
  return compareWithEvents(reply, history, { after: batch.after_seq, upTo: end ?? history.events.length });
}

function verdictOf(reply: Reply): string {
  return reply.ok ? 'reply ok' : `reply ${reply.reason}`;
}

/** A reply was made from the order as its batch left it, and a refusal is an event of it. */
function compareWithEvents(
  reply: Reply,
  { events, orderAt }: History,
  { after, upTo }: { after: number; upTo: number },
): ReplyFault[] {
  const refused = events.slice(after, upTo).find((event) => event.type === 'command.refused');
  const said = refused?.type === 'command.refused' ? `reply ${refused.data.reason}` : 'reply ok';
  if (said !== verdictOf(reply)) {
    return [{ part: 'reply', sides: [verdictOf(reply), said.replace('reply', 'batch')] }];
  }
  if (!reply.ok) return [];
  const order = orderAt(upTo);
  const parts = [
    ['order', reply.order, () => orderRow(order)],
    ['payment', reply.payment, () => paymentRow(order, reply.payment?.payment_ref ?? '')],
    ['refund', reply.refund, () => refundRow(order, reply.refund?.refund_ref ?? '')],
  ] as const;
  return parts.flatMap(([name, said, expected]) =>
    said === undefined ? [] : comparePart(name, said, expected),
  );
}

function comparePart(name: string, said: object, expected: () => object): ReplyFault[] {
  try {
    return compareColumns(expected(), said).map(({ column, sides }) => ({
      part: `${name}.${column}`,
      sides: [`reply ${sides[1]}`, `batch ${sides[0]}`],
    }));
  } catch (error) {
    // The reply names a payment or refund that the events do not know.
    return [{ part: name, sides: [`reply ${shown(said)}`, `batch: ${(error as Error).message}`] }];
  }
}

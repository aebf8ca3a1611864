import type pg from 'pg';
import type { Command, Facts, Instruction, Reply } from '../domain/commands.ts';
import { ERRORS } from '../domain/errors.ts';
import type { OrderEvent } from '../domain/events.ts';
import type { Changes } from '../domain/projection.ts';
import { commandOf, type CommandRow } from './commands.ts';

/** One decision with all that it changes, on its way into the tables. */
export interface RecordInput {
  readonly orderRef: string;
  readonly merchantId: string;
  /** The number of the last event that the decision knew. */
  readonly afterSeq: number;
  readonly commandId: string | null;
  /** Time alone decided this: it does not count while a command is open. */
  readonly deadline: boolean;
  readonly instruction: Instruction;
  readonly facts: Facts;
  readonly runId: string;
  readonly changes: Changes;
  readonly reply: Reply | null;
}

/** What a decision was made from and what it became, as it stands in the tables. */
export interface Batch {
  readonly afterSeq: number;
  readonly commandId: string | null;
  readonly instruction: Instruction | { readonly kind: 'create' };
  readonly facts: Facts | { readonly at: number };
  readonly runId: string;
  readonly events: readonly OrderEvent[];
}

/** What stands after `record`, whether it wrote or not; the workflow folds this and nothing else. */
export interface Recorded {
  readonly written: boolean;
  /** Everything after the number that was asked about. */
  readonly batches: readonly Batch[];
  /** The reply of the command that was asked about. */
  readonly reply: Reply | null;
  /** Without a reply, oldest first. */
  readonly open: readonly Command[];
}

/**
 * Writes one batch in one transaction, or nothing, and tells what stands.
 *
 * What stands is read by a later statement, since a statement cannot see what its rival committed while
 * it waited for the lock; and outside the transaction, since what was written is never taken back.
 */
export async function record(pool: pg.Pool, input: RecordInput): Promise<Recorded> {
  return (await writeBatch(pool, input)) ? justWritten(input) : loadOrder(pool, input);
}

function justWritten(input: RecordInput): Recorded {
  const { afterSeq, commandId, instruction, facts, runId, reply, changes } = input;
  const events = changes.events.map(
    (event) =>
      ({
        seq: event.order_seq,
        at: Date.parse(event.at),
        type: event.type,
        data: event.data,
      }) as OrderEvent,
  );
  return {
    written: true,
    batches: [{ afterSeq, commandId, instruction, facts, runId, events }],
    reply,
    open: [],
  };
}

/**
 * The lock first, then one statement that is guarded by the order's number, the command's missing reply
 * and, for a deadline, the absence of open commands. All four are sent at once: the merchant's counter is
 * locked from the writing to the commit, and a trip in between would make all orders of a merchant wait.
 * Where one fails, Postgres takes the commit behind it for a rollback.
 */
async function writeBatch(pool: pg.Pool, input: RecordInput): Promise<boolean> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    const [, , written] = await Promise.all([
      client.query('begin'),
      client.query({
        name: 'record_lock',
        text: 'select 1 from orders where order_ref = $1 for no key update',
        values: [input.orderRef],
      }),
      client.query({ name: 'record_write', text: WRITE_BATCH, values: valuesOf(input) }),
      client.query('commit'),
    ]);
    return written.rowCount === 1;
  } catch (error) {
    broken = error as Error;
    throw error;
  } finally {
    // A connection that failed may be anywhere in the protocol: it is not used again.
    client.release(broken);
  }
}

function valuesOf(input: RecordInput): unknown[] {
  const { changes, reply } = input;
  return [
    input.orderRef,
    input.afterSeq,
    input.commandId,
    input.deadline,
    input.merchantId,
    changes.events.filter((event) => event.payload !== null).length,
    JSON.stringify(input.instruction),
    JSON.stringify(input.facts),
    input.runId,
    JSON.stringify(changes.events),
    JSON.stringify(changes.payments),
    JSON.stringify(changes.refunds),
    JSON.stringify(changes.ledger),
    JSON.stringify(changes.order),
    reply === null ? null : JSON.stringify(reply),
    new Date(input.facts.at).toISOString(),
    reply !== null && !reply.ok && ERRORS[reply.reason].status === 409,
  ];
}

/**
 * $1 order, $2 its number, $3 command, $4 deadline, $5 merchant, $6 public events, $7 instruction,
 * $8 facts, $9 run, $10 events, $11 payments, $12 refunds, $13 ledger, $14 order row, $15 reply,
 * $16 time, $17 release the key.
 */
const WRITE_BATCH = `
with free as (
  select 1 from orders
  where order_ref = $1 and last_seq = $2
    and ($3::uuid is null or exists (select 1 from commands where id = $3 and reply is null))
    and (not $4::boolean or not exists (select 1 from commands where order_ref = $1 and reply is null))
), numbered as (
  insert into merchant_sequences as s (merchant_id, last_sequence)
  select $5::uuid, $6::bigint from free where $6::bigint > 0
  on conflict (merchant_id) do update set last_sequence = s.last_sequence + excluded.last_sequence
  returning last_sequence
), batch as (
  insert into event_batches (order_ref, after_seq, command_id, instruction, facts, run_id)
  select $1, $2, $3, $7::jsonb, $8::jsonb, $9 from free
), written as (
  insert into events (id, order_ref, order_seq, after_seq, merchant_id, type, data, at, payload, sequence)
  select e.id, $1, e.order_seq, $2, $5, e.type, e.data, e.at, e.payload,
    case when e.payload is not null then (select last_sequence from numbered) - $6::bigint
      + count(e.payload) over (order by e.order_seq) end
  from jsonb_populate_recordset(null::events, $10::jsonb) e, free
  returning id, at, payload
), queued as (
  insert into outbox (event_id, merchant_id, created_at)
  select id, $5, at from written where payload is not null
), paid as (
  insert into payments as p
  select r.* from jsonb_populate_recordset(null::payments, $11::jsonb) r, free
  on conflict (id) do update set
    phase = excluded.phase, status = excluded.status, amount_captured = excluded.amount_captured,
    amount_refunded = excluded.amount_refunded, acquirer_reference = excluded.acquirer_reference,
    error_reason = excluded.error_reason, next_action = excluded.next_action,
    authorized_at = excluded.authorized_at, captured_at = excluded.captured_at,
    failed_at = excluded.failed_at, capture_before = excluded.capture_before
), returned as (
  insert into refunds as r
  select n.* from jsonb_populate_recordset(null::refunds, $12::jsonb) n, free
  on conflict (id) do update set
    status = excluded.status, error_reason = excluded.error_reason,
    acquirer_reference = excluded.acquirer_reference, processed_at = excluded.processed_at,
    failed_at = excluded.failed_at
), booked as (
  insert into ledger_entries
  select l.* from jsonb_populate_recordset(null::ledger_entries, $13::jsonb) l, free
), answered as (
  update commands set reply = $15::json, replied_at = $16::timestamptz,
    idem_key = case when $17::boolean then null else idem_key end
  where id = $3 and exists (select 1 from free)
)
update orders o set
  status = r.status, attempts = r.attempts, amount_paid = r.amount_paid,
  amount_refunded = r.amount_refunded, amount_reserved = r.amount_reserved,
  captured_payment_ref = r.captured_payment_ref, holding_payment_ref = r.holding_payment_ref,
  cancel_requested = r.cancel_requested, due_at = r.due_at, updated_at = r.updated_at,
  last_seq = r.last_seq
from jsonb_populate_record(null::orders, $14::jsonb) r, free
where o.order_ref = $1
returning case when $6::bigint > 0 then pg_notify('outbox', '') end
`;

interface Standing {
  readonly last_seq: number | null;
  readonly batches: readonly BatchRow[];
  /** Null: there is no such command. */
  readonly command: { readonly reply: Reply | null } | null;
  readonly open: readonly CommandRow[];
}

interface BatchRow extends Omit<Batch, 'events'> {
  readonly events: readonly { seq: number; at: string; type: string; data: unknown }[];
}

/** What stands, as of one moment: what `record` returns when it has nothing to write. */
export async function loadOrder(
  pool: pg.Pool,
  { orderRef, afterSeq, commandId }: { orderRef: string; afterSeq: number; commandId: string | null },
): Promise<Recorded> {
  const { rows } = await pool.query<Standing>({
    name: 'load_order',
    text: LOAD_ORDER,
    values: [orderRef, afterSeq, commandId],
  });
  const { last_seq: lastSeq, batches, command, open } = rows[0]!;
  if ((lastSeq ?? 0) < afterSeq) throw olderTables(orderRef, { lastSeq, afterSeq });
  // It could never be answered.
  if (commandId !== null && command === null) throw new Error(`there is no command ${commandId}`);
  return {
    written: false,
    batches: batches.map(batchOf),
    reply: command?.reply ?? null,
    open: open.map(commandOf),
  };
}

/** $1 order, $2 the number after which, $3 command. */
const LOAD_ORDER = `
select
  (select last_seq from orders where order_ref = $1) as last_seq,
  (select coalesce(jsonb_agg(jsonb_build_object('afterSeq', b.after_seq, 'commandId', b.command_id,
      'instruction', b.instruction, 'facts', b.facts, 'runId', b.run_id, 'events', (
        select jsonb_agg(jsonb_build_object('seq', e.order_seq, 'at', e.at, 'type', e.type, 'data', e.data)
          order by e.order_seq)
        from events e where e.order_ref = $1 and e.after_seq = b.after_seq)) order by b.after_seq), '[]')
    from event_batches b where b.order_ref = $1 and b.after_seq >= $2) as batches,
  (select json_build_object('reply', reply) from commands where id = $3) as command,
  (select coalesce(jsonb_agg(jsonb_build_object('id', c.id, 'kind', c.kind, 'args', c.args,
      'accepted_at', c.accepted_at) order by c.accepted_at), '[]')
    from commands c where c.order_ref = $1 and c.reply is null) as open
`;

function batchOf(row: BatchRow): Batch {
  return {
    ...row,
    events: row.events.map((event) => ({ ...event, at: Date.parse(event.at) }) as OrderEvent),
  };
}

/**
 * Tables that know less than a decision was made from were restored from an older backup. Nothing may
 * be decided on them: the caller waits, where ops can see it, until they are brought up to date.
 */
function olderTables(
  orderRef: string,
  { lastSeq, afterSeq }: { lastSeq: number | null; afterSeq: number },
): Error {
  return new Error(`${orderRef}: the tables end at event ${lastSeq ?? 0}, the history at ${afterSeq}`);
}

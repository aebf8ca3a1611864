import { ApplicationFailure, workflowInfo } from '@temporalio/workflow';
import type { Batch, Recorded, RecordInput } from '../src/db/record.ts';
import type { Command, Facts, Instruction } from '../src/domain/commands.ts';
import { decide } from '../src/domain/decide.ts';
import { fold } from '../src/domain/order.ts';
import { project } from '../src/domain/projection.ts';
import { showAttention } from './attention.ts';
import { isFailedActivity } from './failed-activity.ts';
import { fastTables, patientTables } from './proxies.ts';
import type { Run } from './run.ts';

/**
 * Decides, records, and folds what was recorded; decides again with the same facts where a rival was
 * faster. `deadline`: time alone asks for this, so it gives way to any open command.
 */
export async function settle(
  run: Run,
  instruction: Instruction,
  facts: Facts,
  { deadline = false } = {},
): Promise<void> {
  const commandId = 'id' in instruction ? instruction.id : null;
  for (;;) {
    const { order } = run;
    const { events, reply } = decide(order, instruction, facts);
    if (events.length === 0) return;
    const recorded = await record(run, {
      orderRef: order.ref,
      merchantId: order.merchantId,
      afterSeq: order.seq,
      commandId,
      deadline,
      instruction,
      facts,
      runId: workflowInfo().runId,
      changes: project(order, events),
      reply,
    });
    take(run, recorded, commandId);
    // Not written: the command had its reply, a command goes before the deadline, or the order is
    // further than we knew. Only the last is decided again.
    if (recorded.written || recorded.reply !== null || deadline) return;
  }
}

/** Brings the run up to what the tables know, and fetches the reply of a command that may have one. */
export async function catchUp(run: Run, commandId: string | null = null): Promise<void> {
  const asked = { orderRef: run.orderRef, afterSeq: run.order?.seq ?? 0, commandId };
  take(run, await load(run, asked), commandId);
}

function load(run: Run, asked: Parameters<typeof patientTables.loadOrder>[0]): Promise<Recorded> {
  const loading = fastTables.loadOrder.executeWithOptions({ summary: 'load order' }, [asked]);
  return loading.catch((error: unknown) => {
    expectPatience(run, error);
    return patientTables.loadOrder(asked);
  });
}

function record(run: Run, input: RecordInput): Promise<Recorded> {
  const recording = fastTables.record.executeWithOptions({ summary: 'record' }, [input]);
  return recording.catch((error: unknown) => {
    expectPatience(run, error);
    return patientTables.record(input);
  });
}

/** The tables are away or refuse: wait in the engine for as long as it takes, where ops can see it. */
function expectPatience(run: Run, error: unknown): void {
  if (!isFailedActivity(error)) throw error;
  showAttention(run, 'record_failing');
}

function take(run: Run, recorded: Recorded, commandId: string | null): void {
  const events = recorded.batches.flatMap((batch: Batch) => batch.events);
  if (events.length === 0 && run.order === null) {
    throw ApplicationFailure.nonRetryable(`no order ${run.orderRef}`, 'order_not_found');
  }
  run.order = fold(run.orderRef, events, run.order);
  if (commandId !== null && recorded.reply !== null) run.replies.set(commandId, recorded.reply);
  for (const command of recorded.open) invite(run, command);
}

/** An accepted command whose update was lost, or has not arrived yet. */
function invite(run: Run, command: Command): void {
  const known = command.id === run.current || run.inbox.some(({ id }) => id === command.id);
  if (!known && !run.replies.has(command.id)) run.inbox.push(command);
}

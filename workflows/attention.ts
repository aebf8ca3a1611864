import { upsertSearchAttributes } from '@temporalio/workflow';
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import type { Obligation } from '../src/domain/commands.ts';
import { formatMoney } from '../src/domain/money.ts';
import { nextDeadline, obligations } from '../src/domain/agenda.ts';
import type { Order } from '../src/domain/order.ts';
import type { Attention } from './messages.ts';
import type { Run } from './run.ts';

const ATTENTION = defineSearchAttributeKey('Attention', SearchAttributeType.KEYWORD);

/** An obligation may be this old before a human is told, in ms. */
const PATIENCE_MS = 60_000;

const CAUSE: Partial<Record<Obligation['kind'], Attention>> = {
  resolve: 'unknown_outcome',
  abandon: 'unknown_outcome',
  capture: 'capture_failing',
  void: 'void_failing',
  refund: 'refund_failing',
};

/** Why a human may be needed, or null. */
export function attentionNow(order: Order, now: number): Attention | null {
  const late = obligations(order).find(({ kind, since }) => kind in CAUSE && now >= since + PATIENCE_MS);
  if (late !== undefined) return CAUSE[late.kind] ?? null;
  const inReview = Object.values(order.payments).some(({ phase }) => phase === 'in_review');
  return inReview ? 'awaiting_review' : null;
}

/** When that may change by the passing of time alone, epoch ms. */
export function attentionDue(order: Order, now: number): number {
  const due = obligations(order)
    .filter(({ kind }) => kind in CAUSE)
    .map(({ since }) => since + PATIENCE_MS)
    .filter((at) => at > now);
  return Math.min(Infinity, ...due);
}

/** Costs an event, so only when it changes. */
export function showAttention(run: Run, attention: Attention | null): void {
  if (run.attention === attention) return;
  run.attention = attention;
  upsertSearchAttributes([{ key: ATTENTION, value: attention }]);
}

/** For the Temporal UI: where the order stands, what it waits for, and what happens by itself. */
export function describeOrder(order: Order): string {
  const waits = obligations(order).map(
    ({ kind, ref, since }) => `- waits for: ${kind} of \`${ref}\` since ${new Date(since).toISOString()}`,
  );
  const deadline = nextDeadline(order);
  const next =
    deadline === null ? [] : [`- next by itself: ${deadline.kind} at ${new Date(deadline.at).toISOString()}`];
  const payments = Object.values(order.payments).map(
    ({ ref, method, phase }) => `- \`${ref}\` (${method}): ${phase}`,
  );
  return [`**${formatMoney(order)}**, ${order.status}`, ...payments, ...waits, ...next].join('\n');
}

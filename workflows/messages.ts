import { defineUpdate } from '@temporalio/workflow';
import type { Command, Reply } from '../src/domain/commands.ts';
import type { OrderEvent } from '../src/domain/events.ts';

/** What the client and the order workflow say to each other. Updates are named by kind, for the Temporal UI. */

export interface OrderInput {
  readonly orderRef: string;
  /** `order.created`, where the run is started with the order; otherwise the order is loaded first. */
  readonly created: OrderEvent | null;
}

export const COMMAND_UPDATES = {
  pay: defineUpdate<Reply, [Command]>('pay'),
  capture: defineUpdate<Reply, [Command]>('capture'),
  void: defineUpdate<Reply, [Command]>('void'),
  refund: defineUpdate<Reply, [Command]>('refund'),
  decide_review: defineUpdate<Reply, [Command]>('decideReview'),
  repair: defineUpdate<Reply, [Command]>('repair'),
} as const;

/** Changes nothing by itself: the run looks at the tables and asks the bank about what is owed. */
export const wakeUpdate = defineUpdate<void, []>('wake');

export const ORDER_WORKFLOW = 'orderWorkflow';

export type Attention =
  | 'unknown_outcome'
  | 'awaiting_review'
  | 'capture_failing'
  | 'void_failing'
  | 'refund_failing'
  | 'record_failing';

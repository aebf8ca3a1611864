import type { CancellationScope } from '@temporalio/workflow';
import type { Pursued, StepResult } from '../activities/bank.ts';
import type { Command, Obligation, Reply } from '../src/domain/commands.ts';
import type { Order } from '../src/domain/order.ts';
import type { Attention } from './messages.ts';

/** What one run of the order workflow has in hand. `order` is always the fold of what was recorded. */
export interface Run {
  readonly orderRef: string;
  order: Order;
  /** Commands that nobody has taken yet; a twin finds its reply there already. */
  readonly inbox: Command[];
  /** The command that is being carried out. */
  current: string | null;
  readonly replies: Map<string, Reply>;
  /** Who waits for the reply of a command. */
  readonly waiting: { readonly commandId: string; readonly resolve: (reply: Reply) => void }[];
  /** What came of pursuing an obligation. */
  readonly news: News[];
  /** Obligations that are being pursued, by name. */
  readonly pursuits: Map<string, CancellationScope>;
  wakes: number;
  /** Somebody cancelled the run. */
  cancelWanted: boolean;
  attention: Attention | null;
}

export interface News {
  readonly obligation: Obligation;
  readonly result: StepResult<Pursued>;
}

/** Not loaded yet: `fold` takes it for nothing. */
export const NO_ORDER = null as unknown as Order;

export function createRun(orderRef: string): Run {
  return {
    orderRef,
    order: NO_ORDER,
    inbox: [],
    current: null,
    replies: new Map(),
    waiting: [],
    news: [],
    pursuits: new Map(),
    wakes: 0,
    cancelWanted: false,
    attention: null,
  };
}

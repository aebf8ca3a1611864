import type { Reason } from './errors.ts';
import type { FraudSignals } from './fraud.ts';
import type { Abandonment, Lookup, Outcome, VoidOutcome } from './outcome.ts';
import type { Method } from './payment.ts';
import type { OrderRow, PaymentRow, RefundRow } from './projection.ts';

/** One instruction to move or decide about money. Its id is the root of the bank's keys. */
export type Command =
  | PayCommand
  | CaptureCommand
  | VoidCommand
  | RefundCommand
  | DecideReviewCommand
  | RepairCommand;
export type CommandKind = Command['kind'];

interface CommandBase {
  readonly id: string;
  /** Epoch ms, Postgres' clock. */
  readonly acceptedAt: number;
}
export interface PayCommand extends CommandBase {
  readonly kind: 'pay';
  readonly paymentId: string;
  readonly paymentRef: string;
  readonly method: Method;
  readonly signals: FraudSignals;
}
export interface CaptureCommand extends CommandBase {
  readonly kind: 'capture';
  readonly paymentRef: string;
  /** null: all of it. */
  readonly amount: number | null;
}
export interface VoidCommand extends CommandBase {
  readonly kind: 'void';
  readonly paymentRef: string;
}
export interface RefundCommand extends CommandBase {
  readonly kind: 'refund';
  readonly paymentRef: string;
  readonly refundId: string;
  readonly refundRef: string;
  /** null: whatever remains. */
  readonly amount: number | null;
}
export interface DecideReviewCommand extends CommandBase {
  readonly kind: 'decide_review';
  readonly paymentRef: string;
  readonly approve: boolean;
  readonly by: string;
}

export const REPAIR_ACTIONS = ['ask', 'confirm_captured', 'confirm_failed', 'extend'] as const;
export type RepairAction = (typeof REPAIR_ACTIONS)[number];
export interface RepairCommand extends CommandBase {
  readonly kind: 'repair';
  readonly paymentRef: string;
  readonly action: RepairAction;
  /** The bank's reference, for `confirm_captured`. */
  readonly reference: string | null;
  /** The new deadline in epoch ms, for `extend`. */
  readonly until: number | null;
  readonly by: string;
}

/** Of these at most one may be open per order: Postgres refuses a second. */
export const MONEY_COMMANDS = ['pay', 'capture', 'void', 'refund'] as const satisfies readonly CommandKind[];

/** What the loop decides by itself: a deadline that passed, or news about something owed. */
export type OwnInstruction =
  | { readonly kind: 'expire' }
  | { readonly kind: 'cancel' }
  /** The money is released: nobody captured, reviewed or wanted it in time. */
  | { readonly kind: 'release'; readonly paymentRef: string; readonly reason: Reason }
  /** The payer's time is over, or a new pay takes the place of this one. */
  | { readonly kind: 'give_up'; readonly paymentRef: string; readonly reason: Reason }
  /** The bank has answered about an obligation. */
  | { readonly kind: 'progress'; readonly obligation: Obligation };

export type Instruction = Command | OwnInstruction;

/** What must be driven to an end at the bank before a run may close. `ref` is a payment's or a refund's. */
export interface Obligation {
  readonly kind: 'resolve' | 'await_payer' | 'abandon' | 'capture' | 'void' | 'refund';
  readonly paymentRef: string;
  readonly ref: string;
  /** The bank key it is about. */
  readonly key: string;
  /** Epoch ms. */
  readonly since: number;
}

/** What was learnt while an instruction was carried out; with it a decision can be made again at any time. */
export interface Facts {
  /** Workflow time, epoch ms: the time of every event of the decision. */
  readonly at: number;
  readonly authorize?: Lookup;
  readonly capture?: Outcome;
  readonly void?: VoidOutcome;
  readonly refund?: Lookup;
  readonly abandon?: Abandonment;
}

/** The answer to a command, kept in its row: complete enough to show the same bytes for ever. */
export type Reply =
  | {
      readonly ok: true;
      readonly order?: OrderRow;
      readonly payment?: PaymentRow;
      readonly refund?: RefundRow;
    }
  | { readonly ok: false; readonly reason: Reason; readonly text: string | null };

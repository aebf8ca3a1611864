import type { CommandKind, Reply } from '../domain/commands.ts';
import type { EventPayload } from '../domain/events.ts';
import type { LedgerRow, OrderRow, PaymentRow, RefundRow } from '../domain/projection.ts';
import type { ClientAnswer } from './client-log.ts';

/** All that is known about one order, by table. Times are ISO 8601, amounts minor units. */
export interface OrderRecords {
  readonly order: OrderRow;
  readonly payments: readonly PaymentRow[];
  readonly refunds: readonly RefundRow[];
  readonly ledger: readonly LedgerRow[];
  /** By number. */
  readonly events: readonly StoredEvent[];
  /** By `after_seq`. */
  readonly batches: readonly StoredBatch[];
  readonly commands: readonly StoredCommand[];
  /** What the bank did for it, oldest first. */
  readonly journal: readonly JournalEntry[];
  /** What clients were told about it, in the order of their logs. */
  readonly answers: readonly ClientAnswer[];
  /** The ids of its events that have not become deliveries. */
  readonly outbox: readonly string[];
  /** Without resends, which nobody is owed. */
  readonly deliveries: readonly StoredDelivery[];
  /** The merchant's that are switched on. */
  readonly endpoints: readonly Subscription[];
}

export interface StoredEvent {
  readonly id: string;
  readonly order_ref: string;
  readonly order_seq: number;
  readonly after_seq: number;
  readonly type: string;
  readonly data: unknown;
  readonly at: string;
  readonly payload: EventPayload | null;
}

export interface StoredBatch {
  readonly order_ref: string;
  readonly after_seq: number;
  readonly command_id: string | null;
}

export interface StoredCommand {
  readonly id: string;
  readonly order_ref: string;
  readonly kind: CommandKind | 'create';
  readonly args: { readonly paymentRef?: string; readonly refundRef?: string };
  readonly idem_key: string | null;
  readonly reply: Reply | null;
  readonly accepted_at: string;
}

/** One line of the bank's journal. `abandon` closes a key and moves no money. */
export interface JournalEntry {
  readonly id: number;
  readonly at: string;
  readonly kind: 'authorize' | 'capture' | 'void' | 'refund' | 'abandon';
  readonly key: string;
  readonly order_ref: string | null;
  readonly amount: number;
  readonly currency: string | null;
}

export interface StoredDelivery {
  readonly id: string;
  readonly order_ref: string;
  readonly event_id: string;
  readonly endpoint_id: string;
  readonly status: 'pending' | 'retrying' | 'delivered' | 'failed';
  readonly created_at: string;
  readonly next_attempt_at: string | null;
  readonly succeeded: boolean;
  /** Others of its endpoint are in retry: first tries may be held until one of them gets through. */
  readonly held: boolean;
}

export interface Subscription {
  readonly id: string;
  readonly merchant_id: string;
  readonly events: readonly string[];
  /** Events from then on are owed to it; null: nobody can tell. */
  readonly since: string | null;
}

/** A reply, a delivery or an outbox row may take so long, in ms. */
export const SETTLING_MS = 60_000;
/** What is later than this does not come by itself any more, in ms. */
export const OVERDUE_MS = 5 * 60_000;

import type { CardData, CardToken } from '../domain/card.ts';
import type { Abandonment, Lookup, Outcome, VoidOutcome } from '../domain/outcome.ts';
import type { Method } from '../domain/payment.ts';

/**
 * Our adapter to one bank. Every method is one HTTP exchange with a key of ours that makes repeats
 * harmless; no retries inside, a broken or silent line is the outcome `unknown`, never an exception.
 */
export interface Connector {
  readonly name: string;
  readonly capabilities: Capabilities;
  /** The only place that card data goes. Throws a PayflowError (`bank_unavailable`) when the bank cannot be reached. */
  tokenizeCard(card: CardData, call: CallOptions): Promise<CardToken>;
  /** Holds the money. */
  authorize(request: AuthorizeRequest, call: CallOptions): Promise<Outcome>;
  /** Takes `amount` of a held authorization and releases the rest. */
  capture(request: StepRequest, call: CallOptions): Promise<Outcome>;
  /** Releases a held authorization. Voiding what is voided is `approved`. */
  void(request: Omit<StepRequest, 'amount'>, call: CallOptions): Promise<VoidOutcome>;
  /** Gives back (part of) a capture. */
  refund(request: StepRequest, call: CallOptions): Promise<Outcome>;
  /** What became of the operation with this key; changes nothing. */
  fetch(key: string, call: CallOptions): Promise<Lookup>;
  /** Only where `capabilities.abandon`. */
  abandon(key: string, call: CallOptions): Promise<Abandonment>;
  /** The verified callback, or null when the signature or the shape is wrong. */
  parseCallback(rawBody: string, headers: Readonly<Record<string, string | undefined>>): Callback | null;
}

export interface Capabilities {
  readonly abandon: boolean;
  /** How long the bank remembers our keys, in ms. A command older than this is asked about, never sent. */
  readonly keyMemoryMs: number;
  /** How long the fast path waits for an answer, in ms, at most 1,000. */
  readonly fastPathMs: number;
}

export interface CallOptions {
  /** The whole exchange, in ms, from now. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

export interface AuthorizeRequest {
  readonly key: string;
  readonly orderRef: string;
  readonly amount: number;
  readonly currency: string;
  readonly method: Method;
  readonly instrument: Instrument;
  /** Where the bank's page sends the payer afterwards. */
  readonly returnUrl: string;
}

/** What the payer pays with; exactly the fields of the method are set. */
export interface Instrument {
  readonly vpa?: string;
  readonly cardToken?: string;
  readonly bankCode?: string;
  readonly wallet?: string;
  readonly otp?: string;
}

export interface StepRequest {
  readonly key: string;
  readonly orderRef: string;
  /** The bank's reference of the authorization. */
  readonly reference: string;
  readonly amount: number;
  readonly currency: string;
}

/** Tells only that something happened to a key; what happened is asked for. */
export interface Callback {
  readonly eventId: string;
  readonly key: string;
}

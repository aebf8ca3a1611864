/** Every kind of difference with what it means; the names are stable, scripts may rely on them. */
export const DIFFERENCES = {
  bank_capture: 'the bank took another amount than the ledger says',
  bank_refund: 'the bank gave back another amount than the ledger says',
  bank_captured_twice: 'the bank took the money for an order more than once and gave no capture back',
  bank_over_refunded: 'the bank gave back more for an order than it took',
  bank_capture_unrecorded: 'the bank took money of a payment that ended otherwise, and has not given it back',
  bank_hold_forgotten: 'the bank still holds money of a payment that is at its end',
  bank_command_unknown: 'the bank moved money of an order under a key that is no command of it',
  bank_order_unknown: 'the bank moved money for an order that no table knows',
  event_gap: 'the events of an order are not numbered without a gap up to its last number',
  event_batch: 'events and the batches in which they were written do not cover each other',
  event_unfoldable: 'the events of an order contradict each other',
  row_missing: 'the events make a row that is not in its table',
  row_unexpected: 'a table has a row that no event makes',
  row_differs: 'a row is not what the events make of it',
  merchant_sequence: 'the public events of a merchant are not numbered without a gap',
  command_unanswered: 'a command has had no reply for more than a minute',
  command_batches: 'a command was carried out in more than one batch',
  command_missing: 'a batch or a payment names a command that is not there',
  reply_differs: 'the reply of a command is not what its batch of events says',
  outbox_stuck: 'a public event has waited for more than a minute to become deliveries',
  delivery_missing: 'a public event has no delivery to an endpoint that subscribed to it',
  delivery_overdue: 'a delivery should have been tried by now',
  delivery_unproven: 'a delivery counts as delivered without a successful attempt',
  client_order_unknown: 'a client was told of an order that no table knows',
  client_command_unknown: 'a client was granted a request that is no command of its order',
  client_reply_differs: 'a client was granted or refused what the reply of its command says otherwise',
  client_row_missing: 'a client was told of a payment or refund that its order does not have',
  client_status_differs: 'a client was told a status from which the present one cannot have come',
  client_amount_differs: 'a client was told another amount',
  order_overdue: 'something was due for an order more than five minutes ago and has not happened',
} as const;

export type DifferenceCode = keyof typeof DIFFERENCES;

export interface Difference {
  readonly code: DifferenceCode;
  /** The order's, or `merchant <id>` for what concerns all orders of a merchant. */
  readonly ref: string;
  /** What was compared. */
  readonly what: string;
  /** Both sides, each with its name: `bank 49900 INR`. */
  readonly sides: readonly [string, string];
}

/** `pf_order_… capture: bank 49900 INR, ledger 0 [bank_capture]` */
export function differenceLine({ code, ref, what, sides }: Difference): string {
  return `${ref} ${what}: ${sides.join(', ')} [${code}]`;
}

/** A value of either side, short enough for one line. */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > SHOWN_CHARACTERS_MAX ? `${text.slice(0, SHOWN_CHARACTERS_MAX)}…` : text;
}

const SHOWN_CHARACTERS_MAX = 120;

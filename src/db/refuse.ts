import type pg from 'pg';
import { MONEY_COMMANDS, type CommandKind, type RepairAction, type Reply } from '../domain/commands.ts';
import { ERRORS, type Reason } from '../domain/errors.ts';
import type { Phase } from '../domain/payment.ts';
import { refuseCommand, refusePay, type PaymentCommand, type Refusal } from '../domain/refusals.ts';
import type { Asked } from './commands.ts';

/** More tries than this and an order is not paid any more. */
export const PAYS_PER_ORDER_MAX = 50;

/** As much of a command as a refusal depends on. */
export interface Wanted {
  readonly kind: CommandKind;
  readonly paymentRef: string;
  readonly amount?: number | null;
  readonly action?: RepairAction;
}

interface StandingRow {
  status: string;
  cancel_requested: boolean;
  late: boolean;
  attempts: number;
  holding_payment_ref: string | null;
  amount_reserved: number;
  open: boolean;
  phase: Phase | null;
  amount: number | null;
  amount_captured: number | null;
}

/** Why a command is not accepted, looked up behind the order's lock; null where nothing stands in its way. */
export async function refusalOf(
  client: pg.PoolClient,
  asked: Asked,
  wanted: Wanted,
): Promise<Refusal | null> {
  const { rows } = await client.query<StandingRow>({
    name: 'standing_of',
    text: STANDING_OF,
    values: [asked.orderRef, asked.merchantId, wanted.paymentRef],
  });
  const refusal = whyRefused(rows[0], wanted);
  if (refusal !== null) await keepRefusal(client, asked, wanted, refusal);
  return refusal;
}

const STANDING_OF = `
select o.status, o.cancel_requested, clock_timestamp() >= o.expires_at as late, o.attempts,
  o.holding_payment_ref, o.amount_reserved, p.phase, p.amount, p.amount_captured,
  exists (select 1 from commands c where c.order_ref = o.order_ref and c.reply is null
    and c.kind in ('pay', 'capture', 'void', 'refund')) as open
from orders o left join payments p on p.order_ref = o.order_ref and p.payment_ref = $3
where o.order_ref = $1 and o.merchant_id = $2
`;

function whyRefused(row: StandingRow | undefined, wanted: Wanted): Refusal | null {
  if (row === undefined) return { reason: 'order_not_found' };
  const isPay = wanted.kind === 'pay';
  const money = MONEY_COMMANDS.some((kind) => kind === wanted.kind);
  const refusal = isPay ? whyNotPayable(row) : whyNot(row, wanted as PaymentCommand);
  if (refusal !== null && refusal.reason !== 'payment_not_found') return refusal;
  if (money && row.open) return { reason: isPay ? 'payment_in_progress' : 'command_in_progress' };
  return refusal;
}

function whyNotPayable(row: StandingRow): Refusal | null {
  const reason: Reason | null = refusePay({
    paid: row.status === 'paid',
    payable: row.status !== 'expired' && !row.cancel_requested && !row.late,
    held: row.holding_payment_ref !== null,
  });
  if (reason !== null) return { reason };
  return row.attempts >= PAYS_PER_ORDER_MAX ? { reason: 'too_many_payments' } : null;
}

function whyNot(row: StandingRow, wanted: PaymentCommand): Refusal | null {
  const { phase, amount, amount_captured: amountCaptured, amount_reserved: amountReserved } = row;
  const standing =
    phase === null || amount === null || amountCaptured === null
      ? undefined
      : { phase, amount, amountCaptured, amountReserved };
  return refuseCommand(standing, wanted);
}

/** A refusal with status 400 is kept under its key and replays; a conflict (409) is not. */
async function keepRefusal(
  client: pg.PoolClient,
  asked: Asked,
  wanted: Wanted,
  refusal: Refusal,
): Promise<void> {
  if (asked.key === null || ERRORS[refusal.reason].status !== 400) return;
  const reply: Reply = { ok: false, reason: refusal.reason, text: refusal.text ?? null };
  await client.query({
    name: 'keep_refusal',
    text: `insert into commands (id, order_ref, merchant_id, kind, args, idem_scope, idem_key,
        request_hash, reply, accepted_at, replied_at)
      values ($1, $2, $3, $4, '{}', $5, $6, $7, $8::json, clock_timestamp(), clock_timestamp())`,
    values: [
      asked.commandId,
      asked.orderRef,
      asked.merchantId,
      wanted.kind,
      asked.scope,
      asked.key,
      asked.requestHash,
      JSON.stringify(reply),
    ],
  });
}

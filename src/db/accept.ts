import type pg from 'pg';
import type { Command, CommandKind, RepairAction, Reply } from '../domain/commands.ts';
import { ERRORS, type Reason } from '../domain/errors.ts';
import {
  HIGH_FREQUENCY_ATTEMPTS,
  MERCHANT_VELOCITY_PAYMENTS,
  VELOCITY_WINDOW_SECONDS,
} from '../domain/fraud.ts';
import type { Method, Phase } from '../domain/payment.ts';
import { refuseCommand, refusePay, type PaymentCommand, type Refusal } from '../domain/refusals.ts';
import { commandOf } from './commands.ts';

/** More tries than this and an order is not paid any more. */
export const PAYS_PER_ORDER_MAX = 50;

/** Who asks, and by which key the question is the same question. */
export interface Asked {
  /** The new command's id, used only if it is accepted. */
  readonly commandId: string;
  readonly orderRef: string;
  readonly merchantId: string;
  readonly scope: string;
  /** null: every request is a new one. */
  readonly key: string | null;
  readonly requestHash: string;
}

/** What became of a request: carried out, already answered, being answered, or refused. */
export type Acceptance =
  | { readonly type: 'accepted'; readonly command: Command }
  | { readonly type: 'replay'; readonly kind: CommandKind | 'create'; readonly orderRef: string; readonly reply: Reply }
  | { readonly type: 'running'; readonly commandId: string }
  | { readonly type: 'mismatch' }
  | { readonly type: 'refused'; readonly refusal: Refusal };

/** What the payer pays with; lives in `payers`, never in Temporal. */
export interface Payer {
  readonly email: string | null;
  readonly contact: string | null;
  readonly vpa: string | null;
  readonly bankCode: string | null;
  readonly wallet: string | null;
  readonly otp: string | null;
  readonly cardToken: string | null;
  readonly cardFingerprint: string | null;
  readonly cardLast4: string | null;
  readonly cardNetwork: string | null;
}

export interface PayRequest {
  readonly paymentId: string;
  readonly paymentRef: string;
  readonly method: Method;
  readonly vpaValid: boolean;
  readonly payer: Payer;
}

/**
 * Accepts a pay: one INSERT … SELECT from the locked order, whose columns hold all that is checked.
 * The velocity facts are counted in the same statement and stay with the command.
 */
export async function acceptPay(pool: pg.Pool, asked: Asked, request: PayRequest): Promise<Acceptance> {
  const { payer } = request;
  const args = {
    paymentId: request.paymentId,
    paymentRef: request.paymentRef,
    method: request.method,
  };
  return accept(pool, asked, { kind: 'pay', ...args }, {
    name: 'accept_pay',
    text: ACCEPT_PAY,
    values: [
      asked.commandId,
      asked.orderRef,
      asked.merchantId,
      JSON.stringify(args),
      asked.scope,
      asked.key,
      asked.requestHash,
      request.paymentRef,
      request.vpaValid,
      payer.email,
      payer.contact,
      payer.vpa,
      payer.bankCode,
      payer.wallet,
      payer.otp,
      payer.cardToken,
      payer.cardFingerprint,
      payer.cardLast4,
      payer.cardNetwork,
    ],
  });
}

/** One branch per way to know the payer again, each a short index scan. */
const SAME_PAYER = [
  'order_ref = $2',
  'merchant_id = $3 and vpa = $12',
  'merchant_id = $3 and card_fingerprint = $17',
  'merchant_id = $3 and email = $10',
  'merchant_id = $3 and contact = $11',
]
  .map(
    (is) => `(select payment_ref, amount from payers where ${is}
      and created_at > clock_timestamp() - interval '${VELOCITY_WINDOW_SECONDS} s'
      order by created_at desc limit ${HIGH_FREQUENCY_ATTEMPTS})`,
  )
  .join(' union ');

const ACCEPT_PAY = `
with o as (
  select order_ref, merchant_id, amount from orders
  where order_ref = $2 and merchant_id = $3 and status in ('created', 'attempted')
    and not cancel_requested and clock_timestamp() < expires_at
    and holding_payment_ref is null and attempts < ${PAYS_PER_ORDER_MAX}
  for no key update
), earlier as (
  select count(*) as attempts, count(*) filter (where e.amount = o.amount) as same_amount
  from o, lateral (${SAME_PAYER}) e
), c as (
  insert into commands (id, order_ref, merchant_id, kind, args, idem_scope, idem_key, request_hash, accepted_at)
  select $1, o.order_ref, o.merchant_id, 'pay',
    $4::jsonb || jsonb_build_object('signals', jsonb_build_object(
      'sameAmount', earlier.same_amount, 'attempts', earlier.attempts, 'vpaValid', $9::boolean,
      'merchantPayments', (select count(*) from (select 1 from payers where merchant_id = $3
        and created_at > clock_timestamp() - interval '${VELOCITY_WINDOW_SECONDS} s'
        limit ${MERCHANT_VELOCITY_PAYMENTS}) recent),
      'actions', (select fraud_actions from merchants where id = $3))),
    $5, $6, $7, date_trunc('milliseconds', clock_timestamp())
  from o, earlier
  on conflict do nothing
  returning id, kind, args, accepted_at
), p as (
  insert into payers (payment_ref, order_ref, merchant_id, amount, email, contact, vpa, bank_code,
    wallet, otp, card_token, card_fingerprint, card_last4, card_network)
  select $8, o.order_ref, o.merchant_id, o.amount, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19
  from o, c
)
select id, kind, args, accepted_at from c
`;

export interface PaymentRequest {
  readonly kind: 'capture' | 'void' | 'refund';
  readonly paymentRef: string;
  readonly amount: number | null;
  /** Of a refund. */
  readonly refund?: {
    readonly refundId: string;
    readonly refundRef: string;
    readonly reason: string | null;
    readonly notes: string | null;
  };
}

/** Accepts a capture, void or refund of a payment of this merchant. */
export async function acceptForPayment(
  pool: pg.Pool,
  asked: Asked,
  request: PaymentRequest,
): Promise<Acceptance> {
  const { kind, paymentRef, amount, refund } = request;
  const args = {
    paymentRef,
    ...(kind === 'void' ? {} : { amount }),
    ...(refund === undefined ? {} : { refundId: refund.refundId, refundRef: refund.refundRef }),
  };
  const values: unknown[] = [
    asked.commandId,
    asked.orderRef,
    asked.merchantId,
    kind,
    JSON.stringify(args),
    asked.scope,
    asked.key,
    asked.requestHash,
    paymentRef,
  ];
  if (refund === undefined) {
    return accept(pool, asked, { kind, ...args }, { name: 'accept_held', text: ACCEPT_HELD, values });
  }
  values.push(amount, refund.refundRef, refund.reason, refund.notes);
  return accept(pool, asked, { kind, ...args }, { name: 'accept_refund', text: ACCEPT_REFUND, values });
}

const INSERT_COMMAND = `
  insert into commands (id, order_ref, merchant_id, kind, args, idem_scope, idem_key, request_hash, accepted_at)
  select $1, o.order_ref, $3, $4, $5::jsonb, $6, $7, $8, date_trunc('milliseconds', clock_timestamp())
  from o
  on conflict do nothing
  returning id, kind, args, accepted_at`;

const ACCEPT_HELD = `
with o as (
  select order_ref from orders
  where order_ref = $2 and merchant_id = $3 and holding_payment_ref = $9
  for no key update
), c as (${INSERT_COMMAND})
select id, kind, args, accepted_at from c
`;

const ACCEPT_REFUND = `
with o as (
  select order_ref from orders
  where order_ref = $2 and merchant_id = $3 and captured_payment_ref = $9
    and amount_paid - amount_reserved >= coalesce($10::bigint, 1)
  for no key update
), c as (${INSERT_COMMAND}
), t as (
  insert into refund_texts (refund_ref, reason, notes) select $11, $12, $13 from c
)
select id, kind, args, accepted_at from c
`;

export interface AdminRequest {
  readonly kind: 'decide_review' | 'repair';
  readonly args: Record<string, unknown> & { readonly paymentRef: string; readonly action?: RepairAction };
}

/** Accepts a decision of an operator; it may stand beside an open money command. */
export async function acceptFromAdmin(
  pool: pg.Pool,
  asked: Asked,
  { kind, args }: AdminRequest,
): Promise<Acceptance> {
  const { commandId, orderRef, merchantId, scope, key, requestHash } = asked;
  return accept(pool, asked, { kind, ...args }, {
    name: 'accept_from_admin',
    text: `with o as (
        select order_ref from orders where order_ref = $2 and merchant_id = $3 for no key update
      ), c as (${INSERT_COMMAND})
      select id, kind, args, accepted_at from c`,
    values: [commandId, orderRef, merchantId, kind, JSON.stringify(args), scope, key, requestHash],
  });
}

interface Statement {
  readonly name: string;
  readonly text: string;
  readonly values: readonly unknown[];
}

type Wanted = { readonly kind: CommandKind; readonly paymentRef: string; readonly amount?: number | null } & {
  readonly action?: RepairAction;
};

/** The insert; where it inserts nothing, why, looked up behind the order's lock in a later statement. */
async function accept(
  pool: pg.Pool,
  asked: Asked,
  wanted: Wanted,
  insert: Statement,
): Promise<Acceptance> {
  const accepted = await inserted(pool, insert);
  if (accepted !== null) return accepted;
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query('begin');
    await client.query({
      name: 'lock_order',
      text: 'select 1 from orders where order_ref = $1 for no key update',
      values: [asked.orderRef],
    });
    const answer =
      (await twinOf(client, asked)) ??
      (await refusalOf(client, asked, wanted)) ??
      // What stood in the way is gone since the first try.
      (await inserted(client, insert));
    await client.query('commit');
    if (answer === null) throw new Error(`${asked.orderRef}: ${wanted.kind} was neither accepted nor refused`);
    return answer;
  } catch (error) {
    broken = error as Error;
    await client.query('rollback').catch(() => {});
    throw error;
  } finally {
    client.release(broken);
  }
}

async function inserted(
  client: pg.Pool | pg.PoolClient,
  statement: Statement,
): Promise<Acceptance | null> {
  const { rows } = await client.query({ ...statement, values: [...statement.values] });
  return rows[0] === undefined ? null : { type: 'accepted', command: commandOf(rows[0]) };
}

interface TwinRow {
  id: string;
  kind: CommandKind | 'create';
  order_ref: string;
  request_hash: string;
  reply: Reply | null;
}

/** What became of the request that had this key first; looked for before anything costly is done. */
export async function twinOf(
  client: pg.Pool | pg.PoolClient,
  asked: Pick<Asked, 'scope' | 'key' | 'requestHash'>,
): Promise<Acceptance | null> {
  if (asked.key === null) return null;
  const { rows } = await client.query<TwinRow>({
    name: 'twin_of',
    text: `select id, kind, order_ref, request_hash, reply from commands
      where idem_scope = $1 and idem_key = $2`,
    values: [asked.scope, asked.key],
  });
  const twin = rows[0];
  if (twin === undefined) return null;
  if (twin.request_hash !== asked.requestHash) return { type: 'mismatch' };
  return twin.reply === null
    ? { type: 'running', commandId: twin.id }
    : { type: 'replay', kind: twin.kind, orderRef: twin.order_ref, reply: twin.reply };
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

async function refusalOf(
  client: pg.PoolClient,
  asked: Asked,
  wanted: Wanted,
): Promise<Acceptance | null> {
  const { rows } = await client.query<StandingRow>({
    name: 'standing_of',
    text: STANDING_OF,
    values: [asked.orderRef, asked.merchantId, wanted.paymentRef],
  });
  const refusal = whyRefused(rows[0], wanted);
  if (refusal === null) return null;
  await keepRefusal(client, asked, wanted, refusal);
  return { type: 'refused', refusal };
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
  const money = isPay || wanted.kind === 'capture' || wanted.kind === 'void' || wanted.kind === 'refund';
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

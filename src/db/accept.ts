import type pg from 'pg';
import type { Command, CommandKind, RepairAction, Reply } from '../domain/commands.ts';
import {
  HIGH_FREQUENCY_ATTEMPTS,
  MERCHANT_VELOCITY_PAYMENTS,
  VELOCITY_WINDOW_SECONDS,
} from '../domain/fraud.ts';
import type { Method } from '../domain/payment.ts';
import type { Refusal } from '../domain/refusals.ts';
import { commandOf, type Asked } from './commands.ts';
import { PAYS_PER_ORDER_MAX, refusalOf, type Wanted } from './refuse.ts';

/** What became of a request: carried out, already answered, being answered, or refused. */
export type Acceptance =
  | { readonly type: 'accepted'; readonly command: Command }
  | {
      readonly type: 'replay';
      readonly kind: CommandKind | 'create';
      readonly orderRef: string;
      readonly reply: Reply;
    }
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
  return accept(
    pool,
    asked,
    { kind: 'pay', ...args },
    {
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
    },
  );
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
  return accept(
    pool,
    asked,
    { kind, ...args },
    {
      name: 'accept_from_admin',
      text: `with o as (
        select order_ref from orders where order_ref = $2 and merchant_id = $3 for no key update
      ), c as (${INSERT_COMMAND})
      select id, kind, args, accepted_at from c`,
      values: [commandId, orderRef, merchantId, kind, JSON.stringify(args), scope, key, requestHash],
    },
  );
}

interface Statement {
  readonly name: string;
  readonly text: string;
  readonly values: readonly unknown[];
}

/** The insert; where it inserts nothing, why, looked up behind the order's lock in a later statement. */
async function accept(pool: pg.Pool, asked: Asked, wanted: Wanted, insert: Statement): Promise<Acceptance> {
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
      refused(await refusalOf(client, asked, wanted)) ??
      // What stood in the way is gone since the first try.
      (await inserted(client, insert));
    await client.query('commit');
    if (answer === null)
      throw new Error(`${asked.orderRef}: ${wanted.kind} was neither accepted nor refused`);
    return answer;
  } catch (error) {
    broken = error as Error;
    await client.query('rollback').catch(() => {});
    throw error;
  } finally {
    client.release(broken);
  }
}

function refused(refusal: Refusal | null): Acceptance | null {
  return refusal === null ? null : { type: 'refused', refusal };
}

async function inserted(client: pg.Pool | pg.PoolClient, statement: Statement): Promise<Acceptance | null> {
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

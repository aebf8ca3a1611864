import type pg from 'pg';
import type { PayCommand } from '../domain/commands.ts';
import type { PaymentRow, RefundRow } from '../domain/projection.ts';
import { commandOf } from './commands.ts';
import { readPage, type Page, type PageOf } from './list-page.ts';

/** What the payer typed, as far as the merchant may see it. */
export interface PayerTexts {
  readonly email: string | null;
  readonly contact: string | null;
  readonly vpa: string | null;
  readonly card_last4: string | null;
  readonly card_network: string | null;
}

export type PaymentWithPayer = PaymentRow & PayerTexts;

/** A pay that was accepted and that nobody has recorded yet: known from its command alone. */
export interface SubmittedPayment extends PayerTexts {
  readonly command: PayCommand;
  readonly order_ref: string;
  readonly order_id: string;
  readonly amount: number;
  readonly currency: string;
}

const PAYER = 'y.email, y.contact, y.vpa, y.card_last4, y.card_network';
const PAYMENT_WITH_PAYER = `
select p.*, ${PAYER} from payments p join payers y using (payment_ref)`;

export async function findPayment(
  pool: pg.Pool,
  merchantId: string,
  paymentRef: string,
): Promise<PaymentWithPayer | null> {
  const { rows } = await pool.query<PaymentWithPayer>({
    name: 'find_payment',
    text: `${PAYMENT_WITH_PAYER} where p.payment_ref = $1 and p.merchant_id = $2`,
    values: [paymentRef, merchantId],
  });
  return rows[0] ?? null;
}

const SUBMITTED_PAYMENT = `
select c.id, c.kind, c.args, c.accepted_at, o.order_ref, o.id as order_id, o.amount, o.currency, ${PAYER}
from commands c join orders o using (order_ref)
  join payers y on y.order_ref = c.order_ref and y.payment_ref = c.args ->> 'paymentRef'
where c.kind = 'pay' and c.reply is null and o.merchant_id = $2`;

export async function findSubmittedPayment(
  pool: pg.Pool,
  merchantId: string,
  paymentRef: string,
): Promise<SubmittedPayment | null> {
  const { rows } = await pool.query({
    name: 'find_submitted_payment',
    text: `${SUBMITTED_PAYMENT} and y.payment_ref = $1`,
    values: [paymentRef, merchantId],
  });
  return submittedOf(rows);
}

/** At most one pay of an order is open at a time. */
export async function submittedPaymentOfOrder(
  pool: pg.Pool,
  merchantId: string,
  orderRef: string,
): Promise<SubmittedPayment | null> {
  const { rows } = await pool.query({
    name: 'submitted_payment_of_order',
    text: `${SUBMITTED_PAYMENT} and c.order_ref = $1`,
    values: [orderRef, merchantId],
  });
  return submittedOf(rows);
}

type SubmittedRow = Parameters<typeof commandOf>[0] & Omit<SubmittedPayment, 'command'>;

function submittedOf(rows: readonly SubmittedRow[]): SubmittedPayment | null {
  const row = rows[0];
  return row === undefined ? null : { ...row, command: commandOf(row) as PayCommand };
}

export async function payerOf(pool: pg.Pool, paymentRef: string): Promise<PayerTexts | null> {
  const { rows } = await pool.query<PayerTexts>({
    name: 'payer_of',
    text: `select ${PAYER} from payers y where payment_ref = $1`,
    values: [paymentRef],
  });
  return rows[0] ?? null;
}

export async function paymentsOfOrder(
  pool: pg.Pool,
  merchantId: string,
  orderRef: string,
): Promise<PaymentWithPayer[]> {
  const { rows } = await pool.query<PaymentWithPayer>({
    name: 'payments_of_order',
    text: `${PAYMENT_WITH_PAYER} where p.order_ref = $1 and p.merchant_id = $2
      order by p.created_at desc, p.payment_ref desc`,
    values: [orderRef, merchantId],
  });
  return rows;
}

export type RefundWithTexts = RefundRow & { readonly reason: string | null };

/** Null when the cursor is not a refund of this payment. */
export async function listRefunds(
  pool: pg.Pool,
  { merchantId, paymentRef, page }: { merchantId: string; paymentRef: string; page: Page },
): Promise<PageOf<RefundWithTexts> | null> {
  return readPage<RefundWithTexts>(pool, {
    source: {
      select: 'select r.*, t.reason from refunds r left join refund_texts t using (refund_ref)',
      at: 'r.created_at',
      ref: 'r.refund_ref',
    },
    within: [
      ['r.payment_ref =', paymentRef],
      ['r.merchant_id =', merchantId],
    ],
    filters: [],
    page,
  });
}

export async function findRefund(
  pool: pg.Pool,
  merchantId: string,
  refundRef: string,
): Promise<RefundRow | null> {
  const { rows } = await pool.query<RefundRow>({
    name: 'find_refund',
    text: 'select * from refunds where refund_ref = $1 and merchant_id = $2',
    values: [refundRef, merchantId],
  });
  return rows[0] ?? null;
}

export async function refundReason(pool: pg.Pool, refundRef: string): Promise<string | null> {
  const { rows } = await pool.query<{ reason: string | null }>({
    name: 'refund_reason',
    text: 'select reason from refund_texts where refund_ref = $1',
    values: [refundRef],
  });
  return rows[0]?.reason ?? null;
}

/** What a bank step needs that is not in Temporal, with the order's number: the fence. */
export interface Fence {
  readonly last_seq: number;
  readonly vpa: string | null;
  readonly bank_code: string | null;
  readonly wallet: string | null;
  readonly otp: string | null;
  readonly card_token: string | null;
}

export async function readFence(pool: pg.Pool, orderRef: string, paymentRef: string): Promise<Fence | null> {
  const { rows } = await pool.query<Fence>({
    name: 'read_fence',
    text: `select o.last_seq, y.vpa, y.bank_code, y.wallet, y.otp, y.card_token
      from orders o left join payers y on y.payment_ref = $2 and y.order_ref = o.order_ref
      where o.order_ref = $1`,
    values: [orderRef, paymentRef],
  });
  return rows[0] ?? null;
}

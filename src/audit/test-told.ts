import type pg from 'pg';
import type { Reply } from '../domain/commands.ts';
import { ERRORS } from '../domain/errors.ts';
import type { ClientAnswer } from './client-log.ts';

interface Row {
  readonly order_ref: string;
  readonly kind: ClientAnswer['kind'];
  readonly idem_key: string | null;
  readonly reply: Reply;
  readonly replied_at: string;
}

/** The log of a client that wrote down every answer: the API answers with what the replies hold. */
export async function readTold(pool: pg.Pool): Promise<ClientAnswer[]> {
  const { rows } = await pool.query<Row>(
    `select order_ref, kind, idem_key, reply, replied_at from commands
      where reply is not null and kind in ('create', 'pay', 'capture', 'void', 'refund') order by replied_at`,
  );
  return rows.map((row, index) => ({
    at: row.replied_at,
    kind: row.kind,
    source: `shop.jsonl:${index + 1}`,
    order_ref: row.order_ref,
    idempotency_key: row.idem_key,
    ...answerOf(row.kind, row.reply),
  }));
}

const NOTHING = {
  payment_ref: null,
  payment_status: null,
  refund_ref: null,
  refund_status: null,
  amount: null,
  amount_captured: null,
  reason: null,
} as const;

function answerOf(
  kind: ClientAnswer['kind'],
  reply: Reply,
): Omit<ClientAnswer, 'at' | 'kind' | 'source' | 'order_ref' | 'idempotency_key'> {
  if (!reply.ok) return { ...NOTHING, status: ERRORS[reply.reason].status, reason: reply.reason };
  const { order, payment, refund } = reply;
  if (kind === 'create') return { ...NOTHING, status: 201, amount: order?.amount ?? null };
  if (refund !== undefined) {
    return {
      ...NOTHING,
      status: 201,
      payment_ref: refund.payment_ref,
      refund_ref: refund.refund_ref,
      refund_status: refund.status as ClientAnswer['refund_status'],
      amount: refund.amount,
    };
  }
  if (payment === undefined) throw new Error(`a reply to ${kind} without a payment`);
  return {
    ...NOTHING,
    status: 200,
    payment_ref: payment.payment_ref,
    payment_status: payment.status as ClientAnswer['payment_status'],
    amount: payment.amount,
    amount_captured: payment.amount_captured,
  };
}

import { writeFileSync } from 'node:fs';
import { reasonOf } from './client.ts';
import type { Told } from './merchant.ts';

/** What clients were told, as `payflow audit verify --client-log` reads it. */
export function writeClientLog(file: string, told: readonly Told[]): void {
  writeFileSync(file, told.map((each) => `${JSON.stringify(lineOf(each))}\n`).join(''));
}

const KIND = /\/(capture|void|refund)$/;

function lineOf({ path, orderRef, key, answer }: Told) {
  const { body, status, at } = answer;
  const kind = KIND.exec(path)?.[1] ?? 'pay';
  const isRefund = kind === 'refund';
  return {
    at,
    kind,
    status,
    order_ref: orderRef,
    idempotency_key: key,
    payment_ref: body['payment_ref'] ?? null,
    payment_status: isRefund ? null : (body['status'] ?? null),
    refund_ref: body['refund_ref'] ?? null,
    refund_status: isRefund ? (body['status'] ?? null) : null,
    amount: body['amount'] ?? null,
    amount_captured: body['amount_captured'] ?? null,
    reason: reasonOf(body),
  };
}

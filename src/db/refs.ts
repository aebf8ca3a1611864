import { randomBytes } from 'node:crypto';
import { uuidv7 } from 'uuidv7';

/** Eighty random bits: nobody finds a stranger's order by guessing. The shapes are in `src/domain/ids.ts`. */
const REF_BYTES = 10;
const QR_TOKEN_BYTES = 16;

export function newOrderRef(): string {
  return `pf_order_${hex(REF_BYTES)}`;
}

export function newPaymentRef(): string {
  return `pf_pay_${hex(REF_BYTES)}`;
}

export function newRefundRef(): string {
  return `pf_rfnd_${hex(REF_BYTES)}`;
}

export function newQrToken(): string {
  return hex(QR_TOKEN_BYTES);
}

/** Ids of rows begin with the time, so that new ones stand side by side in the index. */
export function newId(): string {
  return uuidv7();
}

function hex(bytes: number): string {
  return randomBytes(bytes).toString('hex');
}

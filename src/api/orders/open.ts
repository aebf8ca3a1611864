import { twinOf } from '../../db/accept.ts';
import type { Asked } from '../../db/commands.ts';
import { insertOrder } from '../../db/orders.ts';
import { newId, newOrderRef } from '../../db/refs.ts';
import { PayflowError } from '../../domain/errors.ts';
import { refuseWithoutEngine } from '../answer-command.ts';
import type { ApiDeps } from '../deps.ts';

export type OpenDeps = Pick<ApiDeps, 'pool' | 'engine' | 'clock' | 'config'>;

/** Long enough for a payer whose bank asks him something first. */
const PAYABLE_MS = 30 * 60 * 1_000;

interface OrderToPay {
  readonly merchantId: string;
  readonly source: 'qr' | 'legacy';
  /** Paise. */
  readonly amount: number;
  /** The hash is of what makes the order; the pay has one of its own. */
  readonly request: Pick<Asked, 'scope' | 'key' | 'requestHash'>;
}

/**
 * The ref of the order that a request makes and pays in one go: the same one for every repeat of it,
 * wherever the first one was cut off. The key of the pay belongs to this order, so a repeat finds the
 * payment too, or makes it where there is none.
 *
 * The order's run is not opened here: the pay does it, or, if no pay comes, the sweep at its expiry.
 */
export async function openOrderToPay(
  deps: OpenDeps,
  order: OrderToPay,
): Promise<{ orderRef: string; replayed: boolean }> {
  const { merchantId, request } = order;
  const asked: Asked = { commandId: newId(), orderRef: newOrderRef(), merchantId, ...request };
  const creation = (await twinOf(deps.pool, asked)) ?? (await create(deps, asked, order));
  if (creation.type === 'created') return { orderRef: asked.orderRef, replayed: false };
  if (creation.type === 'replay') return { orderRef: creation.orderRef, replayed: true };
  throw new PayflowError('idempotency_key_reused');
}

function create({ pool, engine, clock, config }: OpenDeps, asked: Asked, order: OrderToPay) {
  // No order that could not be paid now.
  refuseWithoutEngine(engine);
  const at = clock();
  return insertOrder(pool, {
    asked,
    at,
    created: {
      id: newId(),
      merchantId: order.merchantId,
      amount: order.amount,
      currency: 'INR',
      captureMode: 'automatic',
      captureWindowMs: config.captureWindowMs,
      source: order.source,
      expiresAt: at + PAYABLE_MS,
    },
    texts: { receipt: null, notes: null },
  });
}

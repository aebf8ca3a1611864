import { insertResend } from '../../db/delivery-retries.ts';
import { route, type Route } from '../middleware/guard.ts';
import { json } from '../middleware/responses.ts';
import { presentResend } from './present.ts';
import { deliveryParams, resent } from './schema.ts';

export function deliveryRoutes(): Route[] {
  return [
    route({
      method: 'post',
      path: '/v1/webhooks/deliveries/{delivery_id}/resend',
      summary: 'Send an event again',
      description:
        'To the same endpoint at the URL it has now, as a delivery of its own with retries of its own. The ' +
        'event keeps its `id`: who keeps the ids he has seen sees that he has had it.',
      tags: ['Webhooks'],
      auth: 'key',
      scopes: ['write'],
      params: deliveryParams,
      paramsReason: 'delivery_not_found',
      responses: { 201: json('The new delivery', resent) },
      reasons: ['delivery_not_found', 'webhook_inactive'],
      idempotency: 'stored',
      handler: async ({ caller: { merchantId }, params: { delivery_id: of }, idempotency }) =>
        idempotency.once(async (trx) => {
          const body = presentResend(await insertResend(trx, { merchantId, of }));
          return { reply: { status: 201 as const, body }, stored: body };
        }),
    }),
  ];
}

import { findEndpoint, rotateEndpointSecret } from '../../db/webhook-endpoints.ts';
import { PayflowError } from '../../domain/errors.ts';
import type { ApiDeps } from '../deps.ts';
import { route, type Route } from '../middleware/guard.ts';
import { json } from '../middleware/responses.ts';
import { presentSecret } from './present.ts';
import { endpointParams, rotation, secret } from './schema.ts';

type Deps = Pick<ApiDeps, 'pool' | 'webhookSecretOf' | 'clock'>;

const PATH = '/v1/webhooks/{webhook_id}/secret';
const TAGS = ['Webhooks'];

export function secretRoutes(deps: Deps): Route[] {
  return [show(deps), rotate(deps)];
}

function show({ pool, webhookSecretOf, clock }: Deps): Route {
  return route({
    method: 'get',
    path: PATH,
    summary: 'Show the secret of a webhook endpoint',
    description: 'Needs the scope `write`: who knows the secret can forge what you take for our webhooks.',
    tags: TAGS,
    auth: 'key',
    scopes: ['write'],
    params: endpointParams,
    paramsReason: 'webhook_not_found',
    responses: { 200: json('The secret', secret) },
    reasons: ['webhook_not_found'],
    handler: async ({ caller: { merchantId }, params: { webhook_id: id } }) => {
      const found = await findEndpoint(pool, { merchantId, id });
      if (found === null) throw new PayflowError('webhook_not_found');
      return { status: 200, body: presentSecret(found, webhookSecretOf(found), clock()) };
    },
  });
}

function rotate({ webhookSecretOf, clock }: Deps): Route {
  return route({
    method: 'post',
    path: `${PATH}/rotate`,
    summary: 'Make a new secret for a webhook endpoint',
    description:
      'Until `overlap_until` the secret before signs `X-PayFlow-Signature`, and `webhook-signature` carries ' +
      'both. With `overlap_hours: 0` only the new one signs from now on.',
    tags: TAGS,
    auth: 'key',
    scopes: ['write'],
    params: endpointParams,
    paramsReason: 'webhook_not_found',
    body: rotation,
    responses: { 200: json('The new secret', secret) },
    reasons: ['webhook_not_found', 'rotation_in_progress'],
    idempotency: 'stored',
    handler: async ({ caller: { merchantId }, params: { webhook_id: id }, body, idempotency }) => {
      const { overlap_hours: overlapHours } = body;
      return idempotency.once(async (trx) => {
        const rotated = await rotateEndpointSecret(trx, { merchantId, id, overlapHours });
        if (rotated === null) throw new PayflowError('webhook_not_found');
        const now = clock();
        return {
          reply: { status: 200 as const, body: presentSecret(rotated, webhookSecretOf(rotated), now) },
          // Secrets are stored nowhere, here neither.
          stored: presentSecret(rotated, null, now),
        };
      });
    },
  });
}

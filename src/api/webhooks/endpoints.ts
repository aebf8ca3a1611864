import {
  deleteEndpoint,
  findEndpoint,
  insertEndpoint,
  listEndpoints,
  updateEndpoint,
  type WebhookEndpoint,
} from '../../db/webhook-endpoints.ts';
import { PayflowError } from '../../domain/errors.ts';
import type { ApiDeps } from '../deps.ts';
import { route, type Route } from '../middleware/guard.ts';
import { empty, json } from '../middleware/responses.ts';
import { presentEndpoint, presentNewEndpoint } from './present.ts';
import { endpoint, endpointBody, endpointParams, endpointPatch, endpoints, newEndpoint } from './schema.ts';

type Deps = Pick<ApiDeps, 'pool' | 'webhookSecretOf' | 'checkWebhookTarget'>;

const PATH = '/v1/webhooks';
const ONE = `${PATH}/{webhook_id}`;
const TAGS = ['Webhooks'];

export function endpointRoutes(deps: Deps): Route[] {
  return [create(deps), list(deps), show(deps), change(deps), remove(deps)];
}

function create({ webhookSecretOf, checkWebhookTarget }: Deps): Route {
  return route({
    method: 'post',
    path: PATH,
    summary: 'Create a webhook endpoint',
    description: 'Beside the `webhook_url` of the profile, with events and a secret of its own.',
    tags: TAGS,
    auth: 'key',
    scopes: ['write'],
    body: endpointBody,
    responses: { 201: json('The endpoint and its secret', newEndpoint) },
    reasons: ['invalid_webhook_url', 'too_many_webhooks'],
    idempotency: 'stored',
    handler: async ({ caller: { merchantId }, body, idempotency }) => {
      await checkWebhookTarget(body.url, 'url');
      return idempotency.once(async (trx) => {
        const created = await insertEndpoint(trx, { merchantId, ...body });
        if (created === null) throw new PayflowError('too_many_webhooks');
        return {
          reply: { status: 201 as const, body: presentNewEndpoint(created, webhookSecretOf(created)) },
          // Secrets are stored nowhere, here neither.
          stored: presentNewEndpoint(created, null),
        };
      });
    },
  });
}

function list({ pool }: Deps): Route {
  return route({
    method: 'get',
    path: PATH,
    summary: 'List the webhook endpoints',
    description: 'Oldest first, the `webhook_url` of the profile among them, never a secret.',
    tags: TAGS,
    auth: 'key',
    scopes: ['read'],
    responses: { 200: json('The endpoints', endpoints) },
    handler: async ({ caller }) => {
      const found = await listEndpoints(pool, caller.merchantId);
      return { status: 200, body: found.map(presentEndpoint) };
    },
  });
}

function show({ pool }: Deps): Route {
  return route({
    method: 'get',
    path: ONE,
    summary: 'Show a webhook endpoint',
    tags: TAGS,
    auth: 'key',
    scopes: ['read'],
    params: endpointParams,
    paramsReason: 'webhook_not_found',
    responses: { 200: json('The endpoint', endpoint) },
    reasons: ['webhook_not_found'],
    handler: async ({ caller: { merchantId }, params: { webhook_id: id } }) => {
      const found = existing(await findEndpoint(pool, { merchantId, id }));
      return { status: 200, body: presentEndpoint(found) };
    },
  });
}

function change({ pool, checkWebhookTarget }: Deps): Route {
  return route({
    method: 'patch',
    path: ONE,
    summary: 'Change a webhook endpoint',
    description:
      'What is not given stays. Deliveries under way go to the new `url`. `active: true` switches an ' +
      'endpoint on again, also one that was switched off because it answered 410.',
    tags: TAGS,
    auth: 'key',
    scopes: ['write'],
    params: endpointParams,
    paramsReason: 'webhook_not_found',
    body: endpointPatch,
    responses: { 200: json('The endpoint', endpoint) },
    reasons: ['webhook_not_found', 'invalid_webhook_url'],
    handler: async ({ caller: { merchantId }, params: { webhook_id: id }, body }) => {
      if (body.url !== undefined) await checkWebhookTarget(body.url, 'url');
      const changed = existing(await updateEndpoint(pool, { merchantId, id }, body));
      return { status: 200, body: presentEndpoint(changed) };
    },
  });
}

function remove({ pool }: Deps): Route {
  return route({
    method: 'delete',
    path: ONE,
    summary: 'Delete a webhook endpoint',
    description:
      'What is on its way to it is given up at its next try. Repeating it is no error. The `webhook_url` of ' +
      'the profile is only emptied, and keeps its secret.',
    tags: TAGS,
    auth: 'key',
    scopes: ['write'],
    params: endpointParams,
    paramsReason: 'webhook_not_found',
    responses: { 204: empty('Deleted') },
    reasons: ['webhook_not_found'],
    handler: async ({ caller: { merchantId }, params: { webhook_id: id } }) => {
      if (!(await deleteEndpoint(pool, { merchantId, id }))) throw new PayflowError('webhook_not_found');
      return { status: 204, body: null };
    },
  });
}

/** Of another merchant, deleted, or never there: the same. */
function existing(found: WebhookEndpoint | null): WebhookEndpoint {
  if (found === null) throw new PayflowError('webhook_not_found');
  return found;
}

import { createMerchant, updateMerchant } from '../../db/merchants.ts';
import { rotateEndpointSecret } from '../../db/webhook-endpoints.ts';
import type { ApiDeps } from '../deps.ts';
import { route, type Route } from '../middleware/guard.ts';
import { json } from '../middleware/responses.ts';
import { rotation } from '../webhooks/schema.ts';
import { presentMerchant, presentNewSecret } from './present.ts';
import {
  merchant,
  merchantBody,
  merchantPatch,
  newMerchant,
  newWebhookSecret,
  webhookSecret,
} from './schema.ts';

type Deps = Pick<ApiDeps, 'knex' | 'webhookSecretOf' | 'checkWebhookTarget'>;

const TAGS = ['Merchants'];

export function merchantRoutes(deps: Deps): Route[] {
  return [create(deps), show(), change(deps), showSecret(deps), rotateSecret(deps)];
}

function create({ knex, webhookSecretOf, checkWebhookTarget }: Deps): Route {
  return route({
    method: 'post',
    path: '/merchants/',
    summary: 'Create the merchant profile',
    description: 'One profile per account. Works with and without the slash at the end.',
    tags: TAGS,
    auth: 'business',
    body: merchantBody,
    responses: { 201: json('The merchant, with the secret of its webhooks', newMerchant) },
    reasons: ['merchant_exists', 'business_email_taken', 'invalid_webhook_url'],
    handler: async ({ caller, body }) => {
      const webhookUrl = body.webhook_url ?? null;
      if (webhookUrl !== null) await checkWebhookTarget(webhookUrl, 'webhook_url');
      const created = await createMerchant(knex, {
        userId: caller.id,
        businessName: body.business_name,
        businessEmail: body.business_email,
        website: body.website ?? null,
        webhookUrl,
      });
      const secret = webhookSecretOf(created.endpoint);
      return { status: 201, body: { ...presentMerchant(created), webhook_secret: secret } };
    },
  });
}

function show(): Route {
  return route({
    method: 'get',
    path: '/merchants/me',
    summary: 'Show the own merchant profile',
    tags: TAGS,
    auth: 'merchant',
    responses: { 200: json('The merchant', merchant) },
    handler: async ({ caller }) => ({ status: 200, body: presentMerchant(caller.merchant) }),
  });
}

function change({ knex, checkWebhookTarget }: Deps): Route {
  return route({
    method: 'patch',
    path: '/merchants/me',
    summary: 'Change the own merchant profile',
    description: 'An empty `webhook_url` or `website` takes the address away.',
    tags: TAGS,
    auth: 'merchant',
    body: merchantPatch,
    responses: { 200: json('The merchant', merchant) },
    reasons: ['invalid_webhook_url'],
    handler: async ({ caller, body }) => {
      const { business_name: businessName, website, webhook_url: webhookUrl } = body;
      if (typeof webhookUrl === 'string') await checkWebhookTarget(webhookUrl, 'webhook_url');
      const changed = await updateMerchant(knex, caller.merchant.id, { businessName, website, webhookUrl });
      return { status: 200, body: presentMerchant(changed) };
    },
  });
}

function showSecret({ webhookSecretOf }: Deps): Route {
  return route({
    method: 'get',
    path: '/merchants/me/webhook-secret',
    summary: 'Show the secret that signs your webhooks',
    tags: TAGS,
    auth: 'merchant',
    responses: { 200: json('The secret', webhookSecret) },
    handler: async ({ caller }) => ({
      status: 200,
      body: { webhook_secret: webhookSecretOf(caller.merchant.endpoint) },
    }),
  });
}

function rotateSecret({ webhookSecretOf }: Deps): Route {
  return route({
    method: 'post',
    path: '/merchants/me/webhook-secret/rotate',
    summary: 'Make a new secret for your webhooks',
    description:
      'Until `overlap_until` the secret before signs `X-PayFlow-Signature`, and `webhook-signature` carries ' +
      'both. With `overlap_hours: 0` only the new one signs from now on.',
    tags: TAGS,
    auth: 'merchant',
    body: rotation,
    responses: { 200: json('The new secret', newWebhookSecret) },
    reasons: ['rotation_in_progress'],
    idempotency: 'stored',
    handler: async ({ caller: { merchant: me }, body, idempotency }) => {
      const { overlap_hours: overlapHours } = body;
      return idempotency.once(async (trx) => {
        const rotated = await rotateEndpointSecret(trx, {
          merchantId: me.id,
          id: me.endpoint.id,
          overlapHours,
        });
        if (rotated === null) throw new Error('a merchant is without its primary endpoint');
        return {
          reply: { status: 200 as const, body: presentNewSecret(rotated, webhookSecretOf(rotated)) },
          // Secrets are stored nowhere, here neither.
          stored: presentNewSecret(rotated, null),
        };
      });
    },
  });
}

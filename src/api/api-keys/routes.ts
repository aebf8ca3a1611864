import { createApiKey, listApiKeys, revokeApiKey, rollApiKey } from '../../db/api-keys.ts';
import { hashPassword } from '../../db/passwords.ts';
import { PayflowError } from '../../domain/errors.ts';
import type { ApiDeps } from '../deps.ts';
import { route, type Route } from '../middleware/guard.ts';
import { InvalidRequest } from '../middleware/invalid-request.ts';
import { createKeySecrets } from '../middleware/key-secrets.ts';
import { empty, json } from '../middleware/responses.ts';
import { presentApiKey, presentNewApiKey } from './present.ts';
import { apiKeys, keyBody, keyParams, newApiKey, rollBody } from './schema.ts';

type Deps = Pick<ApiDeps, 'pool' | 'knex' | 'apiKeys' | 'config' | 'clock'>;

const PATH = '/merchants/me/keys';
const TAGS = ['API keys'];
const HOUR_MS = 60 * 60 * 1_000;

export function apiKeyRoutes(deps: Deps): Route[] {
  return [create(deps), list(deps), revoke(deps), roll(deps)];
}

function create({ config, clock }: Deps): Route {
  const secrets = createKeySecrets(config.secretKey);
  return route({
    method: 'post',
    path: PATH,
    summary: 'Create an API key',
    description: 'The secret is in this answer only.',
    tags: TAGS,
    auth: 'merchant',
    body: keyBody,
    responses: { 201: json('The key and its secret', newApiKey) },
    idempotency: 'stored',
    handler: async ({ caller, body, idempotency }) => {
      const expiresAt = futureDate(body.expires_at, clock());
      const { keyId, secret } = secrets.create();
      // Before the transaction: it takes a core for 70 ms and the transaction a connection.
      const secretHash = await hashPassword(secret);
      return idempotency.once(async (trx) => {
        const { label, scopes } = body;
        const merchantId = caller.merchant.id;
        const key = await createApiKey(trx, { merchantId, keyId, secretHash, label, scopes, expiresAt });
        return {
          reply: { status: 201 as const, body: presentNewApiKey(key, secret) },
          stored: presentNewApiKey(key, null),
        };
      });
    },
  });
}

function futureDate(text: string | undefined, now: number): string | null {
  if (text === undefined) return null;
  const date = new Date(text);
  if (!(date.getTime() > now)) {
    throw new InvalidRequest([{ loc: ['body', 'expires_at'], msg: 'Must be in the future', type: 'custom' }]);
  }
  return date.toISOString();
}

function roll({ config, clock, apiKeys: known }: Deps): Route {
  const secrets = createKeySecrets(config.secretKey);
  return route({
    method: 'post',
    path: `${PATH}/{key_id}/roll`,
    summary: 'Replace an API key',
    description:
      'Makes a key with the same label, scopes and expiry; the old one works until the overlap is over. ' +
      'A key is rolled once. The secret is in this answer only.',
    tags: TAGS,
    auth: 'merchant',
    params: keyParams,
    paramsReason: 'api_key_not_found',
    body: rollBody,
    responses: { 201: json('The new key and its secret', newApiKey) },
    reasons: ['api_key_not_found', 'api_key_not_rollable'],
    idempotency: 'stored',
    handler: async ({ caller, params: { key_id: keyId }, body, idempotency }) => {
      const { keyId: newKeyId, secret } = secrets.create();
      const successor = { keyId: newKeyId, secretHash: await hashPassword(secret) };
      const reply = await idempotency.once(async (trx) => {
        const merchantId = caller.merchant.id;
        const overlapMs = body.overlap_hours * HOUR_MS;
        const key = await rollApiKey(trx, { merchantId, keyId, successor, now: clock(), overlapMs });
        return {
          reply: { status: 201 as const, body: presentNewApiKey(key, secret) },
          stored: presentNewApiKey(key, null),
        };
      });
      // The other processes are told by the database.
      known.forget(keyId);
      return reply;
    },
  });
}

function list({ knex }: Deps): Route {
  return route({
    method: 'get',
    path: PATH,
    summary: 'List the API keys',
    description: 'Newest first, revoked ones too, never a secret.',
    tags: TAGS,
    auth: 'merchant',
    responses: { 200: json('The keys', apiKeys) },
    handler: async ({ caller }) => {
      const keys = await listApiKeys(knex, caller.merchant.id);
      return { status: 200, body: keys.map(presentApiKey) };
    },
  });
}

function revoke({ pool, apiKeys: known }: Deps): Route {
  return route({
    method: 'delete',
    path: `${PATH}/{key_id}`,
    summary: 'Revoke an API key',
    description: 'At once, in every process. Repeating it is no error.',
    tags: TAGS,
    auth: 'merchant',
    params: keyParams,
    paramsReason: 'api_key_not_found',
    responses: { 204: empty('Revoked') },
    reasons: ['api_key_not_found'],
    handler: async ({ caller, params }) => {
      const keyId = params.key_id;
      if (!(await revokeApiKey(pool, { merchantId: caller.merchant.id, keyId }))) {
        throw new PayflowError('api_key_not_found');
      }
      known.forget(keyId);
      return { status: 204, body: null };
    },
  });
}

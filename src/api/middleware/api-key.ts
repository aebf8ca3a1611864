import type { Scope } from '../../db/api-keys.ts';
import { PayflowError } from '../../domain/errors.ts';
import type { ApiContext } from '../context.ts';
import type { ApiCaller, ApiKeys } from './key-cache.ts';
import type { Credentials } from './key-secrets.ts';

const CHALLENGE = 'Basic realm="PayFlow"';
const BASIC = /^basic +([A-Za-z0-9+/=]+)$/i;

/** HTTP Basic with key id and secret. */
export function createKeyAuthenticator(apiKeys: ApiKeys) {
  return async (ctx: ApiContext, scopes: readonly Scope[]): Promise<ApiCaller> => {
    const caller = await challenge(ctx, async () => apiKeys.authenticate(readCredentials(ctx)));
    ctx.state.merchantId = caller.merchantId;
    ctx.state.keyId = caller.keyId;
    const missing = scopes.find((scope) => !caller.scopes.includes(scope));
    if (missing !== undefined) {
      throw new PayflowError('insufficient_scope', { text: `This API key lacks the scope '${missing}'` });
    }
    return caller;
  };
}

/** A 401 says how to do better. */
async function challenge<T>(ctx: ApiContext, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof PayflowError) {
      const unauthorized = error.reason === 'not_authenticated' || error.reason === 'invalid_api_credentials';
      if (unauthorized) ctx.set('WWW-Authenticate', CHALLENGE);
    }
    throw error;
  }
}

function readCredentials(ctx: ApiContext): Credentials {
  const encoded = BASIC.exec(ctx.get('Authorization'))?.[1];
  const text = encoded === undefined ? '' : Buffer.from(encoded, 'base64').toString();
  const colon = text.indexOf(':');
  if (colon === -1) throw new PayflowError('not_authenticated');
  return { keyId: text.slice(0, colon), secret: text.slice(colon + 1) };
}

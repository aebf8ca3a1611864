import type { Knex } from 'knex';
import type { Scope } from '../../db/api-keys.ts';
import { findMerchantOfUser, type Merchant } from '../../db/merchants.ts';
import type { Role, User } from '../../db/users.ts';
import { PayflowError, type Reason } from '../../domain/errors.ts';
import type { ApiContext } from '../context.ts';
import { createKeyAuthenticator } from './api-key.ts';
import { createUserAuthenticator, type Tokens } from './jwt.ts';
import type { ApiCaller, ApiKeys } from './key-cache.ts';

/** What each way of asking tells a handler about who asks. */
export interface Callers {
  none: null;
  /** Signed in, in any role. */
  user: User;
  /** Signed in as merchant or admin, with or without a merchant profile. */
  business: User;
  admin: User;
  /** Signed in, with a merchant profile; a suspended one may only read. */
  merchant: { readonly user: User; readonly merchant: Merchant };
  /** An API key over HTTP Basic. */
  key: ApiCaller;
}
export type Auth = keyof Callers;

export type Authenticators = {
  readonly [A in Auth]: (ctx: ApiContext, scopes: readonly Scope[]) => Promise<Callers[A]>;
};

interface AuthDeps {
  readonly knex: Knex;
  readonly tokens: Tokens;
  readonly apiKeys: ApiKeys;
}

export function createAuthenticators({ knex, tokens, apiKeys }: AuthDeps): Authenticators {
  const user = createUserAuthenticator({ tokens, knex });
  const inRole = async (ctx: ApiContext, roles: readonly Role[], otherwise: Reason) => {
    const found = await user(ctx);
    if (!roles.includes(found.role)) throw new PayflowError(otherwise);
    return found;
  };
  const business = (ctx: ApiContext) => inRole(ctx, ['merchant', 'admin'], 'forbidden');
  return {
    none: () => Promise.resolve(null),
    user,
    business,
    admin: (ctx) => inRole(ctx, ['admin'], 'admin_required'),
    merchant: async (ctx) => {
      const found = await business(ctx);
      const merchant = await findMerchantOfUser(knex, found.id);
      if (merchant === null) throw new PayflowError('merchant_not_found');
      ctx.state.merchantId = merchant.id;
      if (!merchant.isActive && !isRead(ctx)) throw new PayflowError('merchant_inactive');
      return { user: found, merchant };
    },
    key: createKeyAuthenticator(apiKeys),
  };
}

/** What an answer of each kind of authentication may say; goes into the documents. */
export const AUTH_REASONS: Record<Auth, readonly Reason[]> = {
  none: [],
  user: ['not_authenticated'],
  business: ['not_authenticated', 'forbidden'],
  admin: ['not_authenticated', 'admin_required'],
  merchant: ['not_authenticated', 'forbidden', 'merchant_not_found', 'merchant_inactive'],
  key: ['not_authenticated', 'invalid_api_credentials', 'merchant_inactive', 'insufficient_scope'],
};

function isRead(ctx: ApiContext): boolean {
  return ctx.method === 'GET' || ctx.method === 'HEAD';
}

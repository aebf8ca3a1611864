import { checkPassword } from '../../db/passwords.ts';
import { createUser, findUserByEmail } from '../../db/users.ts';
import { PayflowError } from '../../domain/errors.ts';
import type { ApiDeps } from '../deps.ts';
import { route, type Route } from '../middleware/guard.ts';
import type { Tokens } from '../middleware/jwt.ts';
import { json } from '../middleware/responses.ts';
import { presentAccount } from './present.ts';
import { accessToken, account, loginBody, registerBody } from './schema.ts';

const TAGS = ['Accounts'];

export function authRoutes(deps: Pick<ApiDeps, 'pool' | 'knex' | 'config'>, tokens: Tokens): Route[] {
  return [register(deps), loginJson(deps, tokens)];
}

function register({ pool, config }: Pick<ApiDeps, 'pool' | 'config'>): Route {
  return route({
    method: 'post',
    path: '/auth/register',
    summary: 'Register an account',
    description:
      'Roles `merchant` and `user`. Accounts with role `admin` are made with the command line only.',
    tags: TAGS,
    auth: 'none',
    body: registerBody(config),
    responses: { 200: json('The new account', account) },
    reasons: ['email_taken', 'role_not_allowed'],
    handler: async ({ body }) => {
      if (body.role === 'admin') throw new PayflowError('role_not_allowed', { field: 'role' });
      const user = await createUser(pool, body);
      if (user === null) throw new PayflowError('email_taken', { field: 'email' });
      return { status: 200, body: presentAccount(user) };
    },
  });
}

function loginJson({ knex }: Pick<ApiDeps, 'knex'>, tokens: Tokens): Route {
  return route({
    method: 'post',
    path: '/auth/login-json',
    summary: 'Sign in',
    description: 'The token goes into `Authorization: Bearer …` of the merchant and admin routes.',
    tags: TAGS,
    auth: 'none',
    body: loginBody,
    responses: { 200: json('A token', accessToken) },
    reasons: ['invalid_credentials'],
    handler: async ({ body }) => {
      const found = await findUserByEmail(knex, body.email);
      const good = await checkPassword(body.password, found?.passwordHash ?? null);
      if (found === null || !good) throw new PayflowError('invalid_credentials');
      const token = await tokens.issue(found.user);
      return { status: 200, body: { access_token: token, token_type: 'bearer' as const } };
    },
  });
}

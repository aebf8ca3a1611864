import { checkPassword } from '../../db/passwords.ts';
import { changePassword, createUser, findUserByEmail } from '../../db/users.ts';
import { PayflowError } from '../../domain/errors.ts';
import type { ApiDeps } from '../deps.ts';
import { route, type Route } from '../middleware/guard.ts';
import type { Tokens } from '../middleware/jwt.ts';
import type { ApiContext } from '../context.ts';
import { networkOf, type RateLimits } from '../middleware/rate-limit.ts';
import { json } from '../middleware/responses.ts';
import { createLoginGuard, type LoginGuard } from './login-guard.ts';
import { presentAccount } from './present.ts';
import {
  accessToken,
  account,
  loginBody,
  loginForm,
  message,
  passwordChange,
  registerBody,
} from './schema.ts';

const TAGS = ['Accounts'];

export function authRoutes(
  deps: Pick<ApiDeps, 'pool' | 'knex' | 'config'>,
  { tokens, limits }: { tokens: Tokens; limits: RateLimits },
): Route[] {
  const signIn = createSignIn(deps, { tokens, guard: createLoginGuard(limits) });
  return [register(deps), login(signIn), loginJson(signIn), changeOwnPassword(deps)];
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
    limits: ['registerByNetwork'],
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

type SignIn = (
  ctx: ApiContext,
  attempt: { email: string; password: string },
) => Promise<{ access_token: string; token_type: 'bearer' }>;

/** Whichever way it comes in: an account that there is not costs the same time as a wrong password. */
function createSignIn(
  { knex }: Pick<ApiDeps, 'knex'>,
  { tokens, guard }: { tokens: Tokens; guard: LoginGuard },
): SignIn {
  return async (ctx, { email, password }) => {
    const user = await guard.signIn({ email, network: networkOf(ctx.ip) }, async () => {
      const found = await findUserByEmail(knex, email);
      const good = await checkPassword(password, found?.passwordHash ?? null);
      if (found === null || !good) throw new PayflowError('invalid_credentials');
      return found.user;
    });
    return { access_token: await tokens.issue(user), token_type: 'bearer' };
  };
}

function login(signIn: SignIn): Route {
  return route({
    method: 'post',
    path: '/auth/login',
    summary: 'Sign in with a form',
    description: 'The same as `/auth/login-json`; `username` is the e-mail address.',
    tags: TAGS,
    auth: 'none',
    body: loginForm,
    bodyTypes: ['form'],
    responses: { 200: json('A token', accessToken) },
    reasons: ['invalid_credentials', 'too_many_requests'],
    handler: async ({ body: { username, password }, ctx }) => ({
      status: 200,
      body: await signIn(ctx, { email: username, password }),
    }),
  });
}

function loginJson(signIn: SignIn): Route {
  return route({
    method: 'post',
    path: '/auth/login-json',
    summary: 'Sign in',
    description: 'The token goes into `Authorization: Bearer …` of the merchant and admin routes.',
    tags: TAGS,
    auth: 'none',
    body: loginBody,
    responses: { 200: json('A token', accessToken) },
    reasons: ['invalid_credentials', 'too_many_requests'],
    handler: async ({ body, ctx }) => ({ status: 200, body: await signIn(ctx, body) }),
  });
}

function changeOwnPassword({ pool, knex, config }: Pick<ApiDeps, 'pool' | 'knex' | 'config'>): Route {
  return route({
    method: 'post',
    path: '/auth/change-password',
    summary: 'Change the own password',
    description: 'Every token that was issued before ends at once, also the one of this request.',
    tags: TAGS,
    auth: 'user',
    body: passwordChange(config),
    responses: { 200: json('Changed', message) },
    reasons: ['passwords_missing', 'wrong_password'],
    handler: async ({ caller, body: { current_password: current, new_password: wanted } }) => {
      if (!current) throw new PayflowError('passwords_missing', { field: 'current_password' });
      if (!wanted) throw new PayflowError('passwords_missing', { field: 'new_password' });
      const found = await findUserByEmail(knex, caller.email);
      if (!(await checkPassword(current, found?.passwordHash ?? null))) {
        throw new PayflowError('wrong_password', { field: 'current_password' });
      }
      // Of two changes at once the second was let in by a token that is dead by now.
      if (!(await changePassword(pool, caller, wanted))) throw new PayflowError('not_authenticated');
      return { status: 200, body: { message: 'Password changed. Sign in again.' } };
    },
  });
}

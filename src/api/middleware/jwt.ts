import { errors, jwtVerify, SignJWT } from 'jose';
import type { Knex } from 'knex';
import { findUserByEmail, type User } from '../../db/users.ts';
import { PayflowError } from '../../domain/errors.ts';
import type { ApiContext } from '../context.ts';
import { deriveKey } from '../derive-key.ts';

const ALGORITHM = 'HS256';
const AUDIENCE = 'payflow';
const KEY_ID_HEX = 8;
const BEARER = /^bearer +([A-Za-z0-9._-]+)$/i;

interface TokensDeps {
  readonly secretKey: string;
  readonly accessTokenMinutes: number;
  /** Epoch ms. */
  readonly clock: () => number;
}

export interface Claims {
  readonly email: string;
  readonly tokenVersion: number;
}

export interface Tokens {
  issue(user: User): Promise<string>;
  /** null: not ours, not any more, or not for us. */
  read(token: string): Promise<Claims | null>;
}

export function createTokens({ secretKey, accessTokenMinutes, clock }: TokensDeps): Tokens {
  const key = new TextEncoder().encode(secretKey);
  // Names the key without saying anything about it; with a second key one day, it tells them apart.
  const kid = deriveKey(secretKey, 'token-key-id').toString('hex').slice(0, KEY_ID_HEX);
  return {
    issue(user) {
      const now = Math.floor(clock() / 1000);
      return new SignJWT({ role: user.role, token_version: user.tokenVersion })
        .setProtectedHeader({ alg: ALGORITHM, typ: 'JWT', kid })
        .setSubject(user.email)
        .setAudience(AUDIENCE)
        .setIssuedAt(now)
        .setExpirationTime(now + accessTokenMinutes * 60)
        .sign(key);
    },
    async read(token) {
      try {
        const { payload, protectedHeader } = await jwtVerify(token, key, {
          algorithms: [ALGORITHM],
          audience: AUDIENCE,
          requiredClaims: ['sub', 'exp', 'iat', 'role', 'token_version'],
          currentDate: new Date(clock()),
        });
        const { sub, token_version: tokenVersion } = payload;
        if (protectedHeader.kid !== kid || sub === undefined || typeof tokenVersion !== 'number') return null;
        return { email: sub, tokenVersion };
      } catch (error) {
        if (error instanceof errors.JOSEError) return null;
        throw error;
      }
    },
  };
}

/** The user as the table has him now: the token proves who asks, the row says what he still may do. */
export function createUserAuthenticator({ tokens, knex }: { tokens: Tokens; knex: Knex }) {
  return async (ctx: ApiContext): Promise<User> => {
    const token = BEARER.exec(ctx.get('Authorization'))?.[1];
    const claims = token === undefined ? null : await tokens.read(token);
    const found = claims === null ? null : await findUserByEmail(knex, claims.email);
    if (found === null || found.user.tokenVersion !== claims?.tokenVersion) {
      ctx.set('WWW-Authenticate', 'Bearer realm="PayFlow"');
      throw new PayflowError('not_authenticated');
    }
    return found.user;
  };
}

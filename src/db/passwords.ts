import bcrypt from 'bcrypt';
import { PayflowError } from '../domain/errors.ts';

const BCRYPT_COST = 10;
/** bcrypt reads no further, so a longer password is refused instead of silently cut. */
export const PASSWORD_BYTES_MAX = 72;
const PASSWORD_BYTES_MIN_DEVELOPMENT = 6;
const PASSWORD_BYTES_MIN_PRODUCTION = 8;
/** About seven seconds of waiting; beyond that an honest 503 is better. */
const PASSWORD_WAITERS_MAX = 100;
const RETRY_AFTER_SECONDS = 2;

// The hash of 32 random bytes that nobody kept: a compare with it costs what any compare costs.
const NOBODYS_HASH = '$2b$10$.SEjUTciwjoIrZ6B8RCdEO5FN.xMwXjY8UALFv8XbhDfEd/e09WyC';

// From public lists of leaked passwords: those of eight bytes and more that are tried first.
const COMMONEST = new Set(
  (
    'password password1 password12 password123 passw0rd p@ssw0rd 12345678 123456789 1234567890 ' +
    'qwertyuiop qwerty123 1q2w3e4r 1qaz2wsx iloveyou sunshine princess football baseball ' +
    'superman trustno1 welcome1 welcome123 admin123 administrator letmein1 abcd1234 abc12345 ' +
    '11111111 00000000 87654321 changeme india123 krishna123'
  ).split(' '),
);

export type PasswordFault = 'too short' | 'longer than 72 bytes' | 'one of the most common passwords';

/** Why nobody may have this password, or null. */
export function passwordFault(
  password: string,
  { development }: { development: boolean },
): PasswordFault | null {
  const bytes = Buffer.byteLength(password);
  const least = development ? PASSWORD_BYTES_MIN_DEVELOPMENT : PASSWORD_BYTES_MIN_PRODUCTION;
  if (bytes < least) return 'too short';
  if (bytes > PASSWORD_BYTES_MAX) return 'longer than 72 bytes';
  if (!development && COMMONEST.has(password.toLowerCase())) return 'one of the most common passwords';
  return null;
}

export type BcryptCompare = (text: string, hash: string) => Promise<boolean>;

/**
 * Lets at most `atOnce` bcrypt runs go on together. Each one takes a core for 70 ms, so that a few
 * dozen at the same time would stop everything else. Throws `unavailable` when too many wait.
 */
export function createBcryptLane({ atOnce, waitersMax }: { atOnce: number; waitersMax: number }) {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async function inLane<T>(work: () => Promise<T>): Promise<T> {
    if (running >= atOnce) {
      if (waiting.length >= waitersMax) {
        throw new PayflowError('unavailable', { retryAfterSeconds: RETRY_AFTER_SECONDS });
      }
      // Whoever leaves hands its place over: `running` stays as it is.
      await new Promise<void>((resolve) => void waiting.push(resolve));
    } else {
      running += 1;
    }
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
}

/** Passwords have a lane of their own: a flood of logins must not keep API keys from being checked. */
const passwordLane = createBcryptLane({ atOnce: 1, waitersMax: PASSWORD_WAITERS_MAX });

/** Also for the secrets of API keys, which are shorter than 72 bytes. */
export function hashPassword(password: string): Promise<string> {
  return passwordLane(() => bcrypt.hash(password, BCRYPT_COST));
}

/** With no hash (nobody by that name) it takes as long and says no. */
export async function checkPassword(password: string, hash: string | null): Promise<boolean> {
  const fits = Buffer.byteLength(password) <= PASSWORD_BYTES_MAX;
  const same = await passwordLane(() => bcrypt.compare(password, hash ?? NOBODYS_HASH));
  return same && fits && hash !== null;
}

/** As `checkPassword`, for the secret of an API key; the caller brings its own lane. */
export async function checkSecret(
  compare: BcryptCompare,
  { secret, hash }: { secret: string; hash: string | null },
): Promise<boolean> {
  const same = await compare(secret, hash ?? NOBODYS_HASH);
  return same && hash !== null;
}

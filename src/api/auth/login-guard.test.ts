import { PayflowError } from '../../domain/errors.ts';
import { createRateLimits, LIMITS } from '../middleware/rate-limit.ts';
import { createLoginGuard, type LoginGuard } from './login-guard.ts';

const OWNER = 'jane@shop.test';
const HOME = '198.51.100.1';
const FREE_TRIES = 10;
/** So many addresses are enough to use up what strangers may try. */
const ADDRESSES = 150;

function newGuard(): LoginGuard {
  return createLoginGuard(createRateLimits(LIMITS, { development: false }));
}

const address = (number: number) => `203.0.${Math.floor(number / 250)}.${number % 250}`;

/** The seconds to wait, or null if a wrong password was looked at. */
function tried(guard: LoginGuard, network: string, email = OWNER): Promise<number | null> {
  return waitOf(guard.signIn({ email, network }, wrongPassword));
}

/** The same of the right one. */
function signIn(guard: LoginGuard, network: string, email = OWNER): Promise<number | null> {
  return waitOf(guard.signIn({ email, network }, () => Promise.resolve()));
}

const wrongPassword = () => Promise.reject(new PayflowError('invalid_credentials'));

async function waitOf(signingIn: Promise<void>): Promise<number | null> {
  try {
    await signingIn;
    return null;
  } catch (error) {
    if (!(error instanceof PayflowError)) throw error;
    return error.reason === 'too_many_requests' ? error.retryAfterSeconds : null;
  }
}

/** Wrong passwords for one account, from one address after the other; how many were looked at. */
async function attack(guard: LoginGuard, addresses: number, email = OWNER): Promise<number> {
  let looked = 0;
  for (let number = 0; number < addresses; number++) {
    if ((await tried(guard, address(number), email)) === null) looked++;
  }
  return looked;
}

describe('from one place', () => {
  test('ten wrong passwords are looked at, then the wait begins', async () => {
    const guard = newGuard();
    for (let count = 0; count < FREE_TRIES; count++) expect(await tried(guard, HOME)).toBeNull();
    expect(await tried(guard, HOME)).toBe(1);
  });

  test('the wait is over → one try more, and twice the wait', async () => {
    const guard = newGuard();
    for (let count = 0; count < FREE_TRIES; count++) await tried(guard, HOME);
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    expect(await tried(guard, HOME)).toBeNull();
    expect(await tried(guard, HOME)).toBeGreaterThan(1.5);
  });

  test('a hundred at once are not all the first', async () => {
    const guard = newGuard();
    const waits = await Promise.all(Array.from({ length: 100 }, () => tried(guard, HOME)));
    expect(waits.filter((wait) => wait === null)).toHaveLength(FREE_TRIES);
  });

  test('the right password in between begins anew; however the address is written, it is one account', async () => {
    const guard = newGuard();
    for (let count = 1; count < FREE_TRIES; count++) await tried(guard, HOME, ` ${OWNER.toUpperCase()} `);
    expect(await signIn(guard, HOME)).toBeNull();
    for (let count = 0; count < FREE_TRIES; count++) expect(await tried(guard, HOME)).toBeNull();
    expect(await tried(guard, HOME)).not.toBeNull();
  });
});

describe('the owner', () => {
  test('hole 17: attackers everywhere fail on the account → at most 100 an hour, and the owner gets in from a usual place', async () => {
    const guard = newGuard();
    expect(await signIn(guard, HOME)).toBeNull();
    expect(await attack(guard, ADDRESSES)).toBe(LIMITS.loginByAccount.points);
    expect(await tried(guard, '192.0.2.99')).toBeGreaterThan(3_000);
    for (let count = 0; count < 5; count++) expect(await signIn(guard, HOME)).toBeNull();
  });

  test('somebody in the same network fails on other accounts until it may no more → the owner gets in', async () => {
    const guard = newGuard();
    expect(await signIn(guard, HOME)).toBeNull();
    const waits = [];
    for (let number = 0; number < 40; number++) waits.push(await tried(guard, HOME, `p${number}@shop.test`));
    expect(waits.filter((wait) => wait === null)).toHaveLength(LIMITS.loginByNetwork.points);
    expect(waits.at(-1)).toBeGreaterThan(50);
    expect(await signIn(guard, HOME)).toBeNull();
  });

  test('somebody in the same network fails on the very account → half a minute at most, not a quarter of an hour', async () => {
    const guard = newGuard();
    expect(await signIn(guard, HOME)).toBeNull();
    const waitAfter = async (place: string, tries: number) => {
      jest.useFakeTimers();
      try {
        for (let count = 0; count < tries; count++) {
          const wait = await tried(guard, place);
          if (wait !== null) jest.advanceTimersByTime(wait * 1_000 + 10);
        }
        let wait = null;
        for (let count = 0; wait === null && count < 2; count++) wait = await tried(guard, place);
        return wait ?? 0;
      } finally {
        jest.useRealTimers();
      }
    };
    expect(await waitAfter(HOME, 28)).toBeLessThanOrEqual(30);
    expect(await waitAfter('203.0.113.1', 28)).toBeGreaterThan(60);
  });

  test('another account than the attacked one has all its tries', async () => {
    const guard = newGuard();
    await attack(guard, ADDRESSES);
    expect(await signIn(guard, '192.0.2.99', 'joe@shop.test')).toBeNull();
  });
});

test('who signs in uses up nothing: a busy office stays open', async () => {
  const guard = newGuard();
  for (let number = 0; number < 100; number++) {
    expect(await signIn(guard, HOME, `p${number}@shop.test`)).toBeNull();
  }
});

test('a failure of ours is no wrong password: while the database is away nobody uses anything up', async () => {
  const guard = newGuard();
  const away = () => guard.signIn({ email: OWNER, network: HOME }, () => Promise.reject(new Error('away')));
  for (let count = 0; count < 2 * LIMITS.loginByNetwork.points; count++)
    await expect(away()).rejects.toThrow('away');
  expect(await signIn(guard, HOME)).toBeNull();
});

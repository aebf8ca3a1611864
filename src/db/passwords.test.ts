import { checkPassword, createBcryptLane, hashPassword, passwordFault } from './passwords.ts';

describe('a lane', () => {
  /** Work that ends when it is told to. */
  function openWork() {
    const end: (() => void)[] = [];
    let started = 0;
    const work = () => {
      started += 1;
      return new Promise<void>((resolve) => void end.push(resolve));
    };
    return { work, end, started: () => started };
  }
  const soon = () => new Promise((resolve) => setImmediate(resolve));

  test('lets two in and the next when one leaves', async () => {
    const inLane = createBcryptLane({ atOnce: 2, waitersMax: 10 });
    const { work, end, started } = openWork();
    const all = [1, 2, 3, 4].map(() => inLane(work));
    await soon();
    expect(started()).toBe(2);
    end[0]?.();
    await soon();
    expect(started()).toBe(3);
    end.slice(1).forEach((each) => each());
    await soon();
    end.at(-1)?.();
    await Promise.all(all);
  });

  test('refuses at once where too many wait, and takes new work when it is empty again', async () => {
    const inLane = createBcryptLane({ atOnce: 1, waitersMax: 1 });
    const { work, end } = openWork();
    const taken = [inLane(work), inLane(work)];
    await expect(inLane(work)).rejects.toMatchObject({ reason: 'unavailable', retryAfterSeconds: 2 });
    end[0]?.();
    await soon();
    end[1]?.();
    await Promise.all(taken);
    expect(await inLane(async () => 'again')).toBe('again');
  });

  test('is left by work that fails, too', async () => {
    const inLane = createBcryptLane({ atOnce: 1, waitersMax: 1 });
    await expect(inLane(() => Promise.reject(new Error('failed')))).rejects.toThrow('failed');
    expect(await inLane(async () => 'next')).toBe('next');
  });
});

describe('a password', () => {
  test.each([
    ['secret', null, 'too short'],
    ['12345', 'too short', 'too short'],
    ['PassWord1', null, 'one of the most common passwords'],
    ['correct horse', null, null],
    ['x'.repeat(72), null, null],
    ['x'.repeat(73), 'longer than 72 bytes', 'longer than 72 bytes'],
    ['₹'.repeat(25), 'longer than 72 bytes', 'longer than 72 bytes'],
  ])('%p is judged by its bytes', (password, development, production) => {
    expect(passwordFault(password, { development: true })).toBe(development);
    expect(passwordFault(password, { development: false })).toBe(production);
  });

  test('is checked against its hash and nothing else', async () => {
    const hash = await hashPassword('secret');
    expect(hash).toMatch(/^\$2b\$10\$/);
    expect(await checkPassword('secret', hash)).toBe(true);
    expect(await checkPassword('Secret', hash)).toBe(false);
    expect(await checkPassword('secret', null)).toBe(false);
  });

  test('of 72 bytes does not open with anything behind them', async () => {
    const password = 'x'.repeat(72);
    const hash = await hashPassword(password);
    expect(await checkPassword(password, hash)).toBe(true);
    expect(await checkPassword(`${password}y`, hash)).toBe(false);
  });
});

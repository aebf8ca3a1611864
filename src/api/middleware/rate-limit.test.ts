import { PayflowError } from '../../domain/errors.ts';
import { createRateLimits, LIMITS, networkOf, type LimitName, type RateLimits } from './rate-limit.ts';

const three = { points: 3, seconds: 60 };
const few = Object.fromEntries(Object.keys(LIMITS).map((name) => [name, three])) as typeof LIMITS;
const BY = '203.0.113.7';

function production(): RateLimits {
  return createRateLimits(few, { development: false });
}

/** How many of so many requests at once, each answered with this status, were let through. */
async function passed(
  limits: RateLimits,
  limit: LimitName,
  { requests, status }: { requests: number; status: number },
): Promise<number> {
  const answers = [];
  for (let count = 0; count < requests; count++) {
    answers.push(
      await limits.within([{ limit, by: BY }], () => Promise.resolve({ status })).catch(isRefusal),
    );
  }
  return answers.filter((answer) => answer !== null).length;
}

function isRefusal(error: unknown): null {
  if (error instanceof PayflowError && error.reason === 'too_many_requests') return null;
  throw error;
}

test('what is left is given, and then 429 with the time to wait', async () => {
  const limits = production();
  const spending = { limit: 'payByOrder', by: BY } as const;
  for (let count = 0; count < 3; count++) await limits.spend([spending]);
  const refused = await limits.spend([spending]).catch((error: unknown) => error);
  expect(refused).toMatchObject({ reason: 'too_many_requests' });
  const { retryAfterSeconds } = refused as PayflowError;
  expect(retryAfterSeconds).toBeGreaterThan(58);
  expect(retryAfterSeconds).toBeLessThanOrEqual(60);
  // Somebody else's are his own.
  await limits.spend([{ limit: 'payByOrder', by: '203.0.113.8' }]);
});

test('after its seconds a limit begins anew', async () => {
  const limits = createRateLimits(
    { ...few, requestsByKey: { points: 1, seconds: 1 } },
    { development: false },
  );
  const spending = { limit: 'requestsByKey', by: BY } as const;
  await limits.spend([spending]);
  await expect(limits.spend([spending])).rejects.toThrow('Too many requests');
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  await limits.spend([spending]);
});

test('of two things the second is used up → the first is not spent either', async () => {
  const limits = production();
  const network = { limit: 'payByNetwork', by: BY } as const;
  const order = { limit: 'payByOrder', by: 'pf_order_1' } as const;
  for (let count = 0; count < 3; count++) await limits.spend([order]);
  for (let count = 0; count < 5; count++) {
    await expect(limits.spend([network, order])).rejects.toThrow('Too many requests');
  }
  for (let count = 0; count < 3; count++) await limits.spend([network]);
});

test('many refused ones do not make the others wait longer', async () => {
  const limits = production();
  const spending = { limit: 'payByOrder', by: BY } as const;
  for (let count = 0; count < 3; count++) await limits.spend([spending]);
  for (let count = 0; count < 20; count++) await limits.spend([spending]).catch(isRefusal);
  await limits.giveBack([spending]);
  await limits.spend([spending]);
});

test.each<[LimitName, number, number]>([
  // A hundred clicks, of which one pays: the others cost their network nothing.
  ['payByNetwork', 200, 3],
  ['payByNetwork', 303, 3],
  ['payByNetwork', 422, 3],
  ['payByNetwork', 409, 5],
  ['payByNetwork', 400, 5],
  ['payByNetwork', 404, 5],
  // Whom we ask to come again, comes again.
  ['payByNetwork', 202, 5],
  ['payByNetwork', 503, 5],
  ['payByOrder', 202, 5],
  ['payByOrder', 500, 5],
  ['payByOrder', 503, 5],
  ['payByOrder', 200, 3],
  ['payByOrder', 409, 3],
  ['registerByNetwork', 400, 3],
  ['registerByNetwork', 503, 5],
  ['requestsByKey', 200, 3],
  ['requestsByKey', 503, 3],
])('%s: of five answered with %i, %i pass', async (limit, status, expected) => {
  expect(await passed(production(), limit, { requests: 5, status })).toBe(expected);
});

test('a refusal that is thrown costs what its status costs, a bug nothing', async () => {
  const limits = production();
  const spendings = [{ limit: 'payByNetwork', by: BY }] as const;
  const fail = (error: Error) => limits.within(spendings, () => Promise.reject(error));
  for (let count = 0; count < 5; count++) {
    await expect(fail(new PayflowError('payment_in_progress'))).rejects.toThrow('in progress');
    await expect(fail(new TypeError('a bug'))).rejects.toThrow('a bug');
  }
  for (let count = 0; count < 3; count++) {
    await expect(fail(new PayflowError('invalid_request'))).rejects.toThrow('shape');
  }
  await expect(fail(new PayflowError('invalid_request'))).rejects.toThrow('Too many requests');
});

test('what is counted afterwards is refused before', async () => {
  const limits = production();
  const spending = { limit: 'declinedCardsByOrder', by: BY } as const;
  for (let count = 0; count < 3; count++) {
    await limits.check(spending);
    await limits.count(spending);
  }
  await expect(limits.check(spending)).rejects.toThrow('Too many cards were declined');
});

test('in development ten times as much per network, and the same per order, account and key', async () => {
  const limits = createRateLimits(few, { development: true });
  for (const limit of Object.keys(LIMITS) as LimitName[]) {
    let count = 0;
    while (count < 100 && (await limits.spend([{ limit, by: BY }]).then(() => true, isRefusal))) count++;
    expect([limit, count]).toEqual([limit, limit.endsWith('ByNetwork') ? 30 : 3]);
  }
});

test('sign-ins of a network: 30 a minute', () => {
  expect(LIMITS.loginByNetwork).toEqual({ points: 30, seconds: 60 });
});

test.each([
  ['203.0.113.7', '203.0.113.7'],
  ['::ffff:203.0.113.7', '203.0.113.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2::9', '2001:db8:1:2::/64'],
  ['no address', 'no address'],
  ['x'.repeat(1_000), 'x'.repeat(64)],
])('the network of %s is %s', (address, network) => {
  expect(networkOf(address)).toBe(network);
});

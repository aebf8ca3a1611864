import { startGateway, type Gateway } from '../../testing/gateway.ts';
import type { Answered } from '../../testing/api.ts';
import { LIMITS } from '../middleware/rate-limit.ts';

/** Three declined cards are too many for an order here, and thirty for a network (ten times as many: development). */
const DECLINED_MAX = 3;
const OF_NETWORK = 30;
const CARD = { method: 'card', card_expiry: '12/39', card_cvv: '123' };
const DECLINED = { ...CARD, card_number: '4000000000000002' };
const GOOD = { ...CARD, card_number: '4111111111111111' };

let gateway: Gateway;
beforeAll(async () => {
  const few = { points: DECLINED_MAX, seconds: 600 };
  gateway = await startGateway({
    limits: { ...LIMITS, declinedCardsByOrder: few, declinedCardsByNetwork: few },
  });
});
afterAll(() => gateway.close());

function isRefusal({ status, headers, body }: Answered): boolean {
  if (status !== 429) return false;
  expect(body['detail']).toBe('Too many cards were declined; try again later, or pay in another way');
  expect(Number(headers['retry-after'])).toBeGreaterThan(500);
  return true;
}

let used = 0;

async function decline(orderRef: string): Promise<boolean> {
  const answer = await gateway.pay(orderRef, DECLINED);
  if (answer.status === 200) {
    expect(answer.body).toMatchObject({ status: 'failed' });
    used += 1;
  }
  return isRefusal(answer);
}

test('too many cards declined for an order → 429 before the bank is asked; another method still pays it', async () => {
  const orderRef = await gateway.order();
  for (let count = 0; count < DECLINED_MAX; count++) expect(await decline(orderRef)).toBe(false);
  const before = await gateway.moves(orderRef);
  expect(isRefusal(await gateway.pay(orderRef, GOOD))).toBe(true);
  expect(await gateway.moves(orderRef)).toEqual(before);
  const paid = await gateway.pay(orderRef, { method: 'upi', vpa: 'success@payflow' });
  expect(paid.body).toMatchObject({ status: 'captured' });
});

test('a repeat of a declined one is told the same, and counts once', async () => {
  const orderRef = await gateway.order();
  for (let count = 0; count < DECLINED_MAX + 2; count++) {
    const { status, body } = await gateway.pay(orderRef, DECLINED, { 'Idempotency-Key': 'one' });
    expect([status, body['status']]).toEqual([200, 'failed']);
  }
  used += 1;
  expect((await gateway.pay(orderRef, GOOD)).body).toMatchObject({ status: 'captured' });
});

test('cards that pay, and declines of other methods, count for nothing', async () => {
  const orderRef = await gateway.order();
  for (let count = 0; count < DECLINED_MAX + 1; count++) {
    const { body } = await gateway.pay(orderRef, { method: 'upi', vpa: 'failure@payflow' });
    expect(body).toMatchObject({ status: 'failed' });
  }
  expect((await gateway.pay(orderRef, GOOD)).body).toMatchObject({ status: 'captured' });
});

test('somebody tries cards on order after order → his network is refused, its UPI payers are not', async () => {
  const orders = Array.from({ length: OF_NETWORK }, () => gateway.order());
  let refused = 0;
  for (const orderRef of await Promise.all(orders)) if (await decline(orderRef)) refused += 1;
  expect(used).toBe(OF_NETWORK);
  expect(refused).toBeGreaterThan(0);
  expect(isRefusal(await gateway.pay(await gateway.order(), GOOD))).toBe(true);
  expect(await gateway.paid()).toMatch(/^pf_pay_/);
}, 60_000);

test('a hundred impatient clicks on one order are all answered, none with 429', async () => {
  const orderRef = await gateway.order();
  const answers = await Promise.all(
    Array.from({ length: 100 }, () => gateway.pay(orderRef, { method: 'upi', vpa: 'success@payflow' })),
  );
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
  expect(answers.filter(({ status }) => status === 429)).toEqual([]);
  expect(await gateway.moves(orderRef)).toEqual(['authorize', 'capture']);
}, 60_000);

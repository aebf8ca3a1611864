import { registerMerchant, signUp } from '../../testing/api.ts';
import { startGateway, type Gateway } from '../../testing/gateway.ts';

let gateway: Gateway;
beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());

const UNKNOWN = '00000000-0000-7000-8000-00000000abcd';
let keys = 0;

const make = (auth: string, vpa = 'success@payflow') =>
  gateway.api.call('POST', '/transactions/', {
    auth,
    body: { amount: 499.99, payment_method: 'upi', idempotency_key: `txn-${++keys}`, vpa },
  });
const find = (auth: string, id: unknown) => gateway.api.call('GET', `/transactions/${String(id)}`, { auth });
const refund = (auth: string, id: unknown) =>
  gateway.api.call('POST', `/transactions/${String(id)}/refund`, { auth });

async function signUpAdmin() {
  const account = await signUp(gateway.api);
  await gateway.sql(`update users set role = 'admin' where email = $1`, account.email);
  return account;
}

describe('POST /transactions/{id}/refund', () => {
  test('of an admin: the money goes back, once', async () => {
    const [user, admin] = [await signUp(gateway.api, 'user'), await signUpAdmin()];
    const { body: made } = await make(user.token);
    const { status, body } = await refund(admin.token, made['id']);
    expect(status).toBe(200);
    expect(body).toEqual(Object.assign({}, made, { status: 'refunded' }));
    expect(await gateway.moves(String(made['order_ref']))).toEqual(['authorize', 'capture', 'refund']);
    const again = await refund(admin.token, made['id']);
    expect(again.status).toBe(400);
    expect(again.body['detail']).toBe("Cannot refund transaction with status 'refunded'");
    expect((await find(user.token, made['id'])).body['status']).toBe('refunded');
  });

  test('hole 54: of ten refunds at once one is made', async () => {
    const [user, admin] = [await signUp(gateway.api, 'user'), await signUpAdmin()];
    const { body: made } = await make(user.token);
    const answers = await Promise.all(Array.from({ length: 10 }, () => refund(admin.token, made['id'])));
    const statuses = answers.map(({ status }) => status);
    expect(statuses).toContain(200);
    expect(statuses.filter((status) => ![200, 400, 409].includes(status))).toEqual([]);
    expect(await gateway.moves(String(made['order_ref']))).toEqual(['authorize', 'capture', 'refund']);
  });

  test('of a user or a merchant → 403 "Only admins can process refunds"', async () => {
    const [user, shop] = [await signUp(gateway.api, 'user'), await registerMerchant(gateway.api)];
    const ofUser = (await make(user.token)).body['id'];
    const ofShop = (await make(shop.token)).body['id'];
    for (const answer of [await refund(user.token, ofUser), await refund(shop.token, ofShop)]) {
      expect(answer.status).toBe(403);
      expect(answer.body['detail']).toBe('Only admins can process refunds');
    }
    expect((await find(user.token, ofUser)).body['status']).toBe('success');
  });

  test.each([
    ['failed', 'failure@payflow'],
    ['pending', 'pending@payflow'],
  ])('of what is %s → 400', async (status, vpa) => {
    const [user, admin] = [await signUp(gateway.api, 'user'), await signUpAdmin()];
    const { body: made } = await make(user.token, vpa);
    const answer = await refund(admin.token, made['id']);
    expect(answer.status).toBe(400);
    expect(answer.body['detail']).toBe(`Cannot refund transaction with status '${status}'`);
  });

  test('of an unknown one → 404, of a malformed id → 400', async () => {
    const { token } = await signUpAdmin();
    expect((await refund(token, UNKNOWN)).status).toBe(404);
    expect((await refund(token, 'x')).status).toBe(400);
  });
});

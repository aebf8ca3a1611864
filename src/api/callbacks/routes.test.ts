import { createHmac, randomUUID } from 'node:crypto';
import { until } from '../../testing/lab.ts';
import { CALLBACK_SECRET, startGateway, type Gateway } from '../../testing/gateway.ts';

let gateway: Gateway;
beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());
afterEach(() => gateway.lab.bank.faults(null));

const CARD = { method: 'card', card_number: '4000002760003184', card_expiry: '12/40', card_cvv: '123' };

/** The payer at the bank's page. */
async function answer(url: string, verdict: 'approve' | 'decline', fields: Record<string, string> = {}) {
  const response = await fetch(`${url}/${verdict}`, {
    method: 'POST',
    body: new URLSearchParams(fields),
    redirect: 'manual',
  });
  return { status: response.status, location: response.headers.get('location') };
}

const told = (orderRef: string) =>
  gateway.sql<{ bank_key: string; handled: boolean }>(
    `select b.bank_key, b.handled_at is not null as handled from bank_callbacks b
     join commands c on c.id = b.command_id where c.order_ref = $1`,
    orderRef,
  );

describe("the payer's way over the bank's page", () => {
  test.each([
    ['3-D Secure', CARD, {}],
    ['netbanking', { method: 'netbanking' }, {}],
    ['a wallet', { method: 'wallet', contact: '9876543210' }, { otp: '1234' }],
    ['UPI', { method: 'upi', vpa: 'pending@payflow' }, {}],
  ])('%s: approved → back at our page, told by the bank, captured', async (_, body, fields) => {
    const orderRef = await gateway.order();
    const { body: payment } = await gateway.pay(orderRef, body, { 'idempotency-key': 'k' });
    const ref = String(payment['payment_ref']);
    const back = await answer(String(payment['next_action']?.['url']), 'approve', fields);
    expect(back).toEqual({ status: 303, location: `${gateway.api.url}/pay/${orderRef}?from=bank` });
    const { body: later } = await gateway.reaches(ref, 'captured');
    expect(later).toMatchObject({ status: 'captured', next_action: null, error_reason: null });
    expect(await gateway.moves(orderRef)).toEqual(['authorize', 'capture']);
    await until('the bank has told it', async () => (await told(orderRef)).length > 0);
    const replay = await gateway.pay(orderRef, body, { 'idempotency-key': 'k' });
    expect(replay).toMatchObject({ status: 200, body: { payment_ref: ref, phase: 'captured' } });
  });

  test.each([
    ['declined', 'decline', {}, 'payment_cancelled'],
    ['with a code that is too short', 'approve', { otp: '12' }, 'payment_declined'],
  ] as const)('a wallet %s → failed, and the order can be paid', async (_, verdict, fields, reason) => {
    const orderRef = await gateway.order();
    const { body: payment } = await gateway.pay(orderRef, { method: 'wallet' });
    await answer(String(payment['next_action']?.['url']), verdict, fields);
    const { body } = await gateway.reaches(String(payment['payment_ref']), 'failed');
    expect(body).toMatchObject({ status: 'failed', error_reason: reason });
    const second = await gateway.pay(orderRef, { method: 'upi', vpa: 'success@payflow' });
    expect(second.body['status']).toBe('captured');
  });

  test('approved after another payment took its place → nothing is taken twice', async () => {
    const orderRef = await gateway.order();
    const { body: first } = await gateway.pay(orderRef, CARD);
    await gateway.pay(orderRef, { method: 'upi', vpa: 'success@payflow' });
    const late = await answer(String(first['next_action']?.['url']), 'approve');
    expect(late.status).toBe(409);
    await gateway.reaches(String(first['payment_ref']), 'failed');
    expect((await gateway.moves(orderRef)).filter((kind) => kind === 'capture')).toHaveLength(1);
  });

  test('the bank says everything twice and in the wrong order → one charge', async () => {
    await gateway.lab.bank.faults({ duplicate_callbacks: true, reorder_callbacks: true });
    const orderRef = await gateway.order();
    const { body: payment } = await gateway.pay(orderRef, CARD);
    await answer(String(payment['next_action']?.['url']), 'approve');
    await gateway.reaches(String(payment['payment_ref']), 'captured');
    await until('the callbacks are taken', async () => {
      const rows = await told(orderRef);
      return rows.length > 0 && rows.every(({ handled }) => handled);
    });
    expect(await gateway.moves(orderRef)).toEqual(['authorize', 'capture']);
  });
});

describe('POST /callbacks/{connector}', () => {
  const send = (body: string, signature: string | null, path = '/callbacks/simulator') =>
    gateway.api.call('POST', path, {
      body,
      headers: signature === null ? {} : { 'x-bank-signature': signature },
    });
  const sign = (body: string, secret = CALLBACK_SECRET) =>
    createHmac('sha256', secret).update(body).digest('hex');
  const rowsOf = (id: string) => gateway.sql('select 1 from bank_callbacks where event_id = $1', id);
  const message = () => {
    const id = randomUUID();
    return { id, body: JSON.stringify({ id, key: `${randomUUID()}/authorize`, at: 1.5 }) };
  };

  test('signed → kept once, however often it comes', async () => {
    const { id, body } = message();
    const answers = await Promise.all(Array.from({ length: 5 }, () => send(body, sign(body))));
    expect(answers.map((each) => each.status)).toEqual([200, 200, 200, 200, 200]);
    expect(answers[0]?.body).toEqual({ received: true });
    expect(await rowsOf(id)).toHaveLength(1);
  });

  test.each([
    ['no signature', () => null],
    ['an empty one', () => ''],
    ['one of another secret', (body: string) => sign(body, 'another')],
    ['one of another body', (body: string) => sign(`${body} `)],
    ['one in capitals', (body: string) => sign(body).toUpperCase()],
    ['a very long one', (body: string) => sign(body).repeat(50)],
  ])('%s → 401, and nothing is kept', async (_, signature) => {
    const { id, body } = message();
    const { status, body: refused } = await send(body, signature(body));
    expect(status).toBe(401);
    expect(refused['error']?.['reason']).toBe('invalid_signature');
    expect(await rowsOf(id)).toEqual([]);
  });

  test('signed, but not a callback → 401', async () => {
    for (const body of ['{}', '{"id": 5, "key": "k"}', '{"id": "x"}']) {
      expect((await send(body, sign(body))).status).toBe(401);
    }
  });

  test.each(['[]', 'null', 'no JSON', '{"id": "a\\u0000b", "key": "k"}'])(
    'the body %s → 4xx',
    async (body) => {
      const { status } = await send(body, sign(body));
      expect(status).toBeGreaterThanOrEqual(400);
      expect(status).toBeLessThan(500);
    },
  );

  test('a key that names nothing of ours is kept and harms nobody', async () => {
    for (const key of ['nonsense', '/authorize', `${randomUUID()}`, 'x'.repeat(5_000)]) {
      const id = randomUUID();
      const body = JSON.stringify({ id, key });
      expect((await send(body, sign(body))).status).toBe(200);
      expect(await rowsOf(id)).toHaveLength(1);
    }
  });

  test('another bank has no address here', async () => {
    const { body } = message();
    expect((await send(body, sign(body), '/callbacks/stripe')).status).toBe(404);
  });
});

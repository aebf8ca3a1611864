import { startGateway, type Gateway } from '../../testing/gateway.ts';

let gateway: Gateway;
beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());
afterEach(() => gateway.lab.bank.faults(null));

const ISO = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
const ABSENT = 'pf_pay_00000000000000000000';

const refund = (ref: string, body?: object | string, headers: Record<string, string> = {}) =>
  gateway.call('POST', `/v1/payments/${ref}/refund`, { ...(body === undefined ? {} : { body }), headers });
const list = (ref: string, query = '') => gateway.call('GET', `/v1/payments/${ref}/refunds${query}`);
const payment = async (ref: string) => (await gateway.call('GET', `/v1/payments/${ref}`)).body;
const moves = async (ref: string) => gateway.moves(String((await payment(ref))['order_ref']));

describe('POST /v1/payments/{payment_ref}/refund', () => {
  test('the refund of the guide, in part: the payment stays captured', async () => {
    const ref = await gateway.paid();
    const sent = { amount: 10_000, reason: 'customer_request', notes: 'Order returned by customer' };
    const { status, body } = await refund(ref, sent);
    expect(status).toBe(201);
    expect(body).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      refund_ref: expect.stringMatching(/^pf_rfnd_[0-9a-f]{20}$/),
      payment_id: (await payment(ref))['id'],
      payment_ref: ref,
      amount: 10_000,
      currency: 'INR',
      status: 'processed',
      reason: 'customer_request',
      error_reason: null,
      created_at: ISO,
      processed_at: ISO,
    });
    expect(await payment(ref)).toMatchObject({
      status: 'captured',
      amount_refunded: 10_000,
      refund_status: 'partial',
    });
    expect(
      await gateway.sql('select notes from refund_texts where refund_ref = $1', body['refund_ref']),
    ).toEqual([{ notes: 'Order returned by customer' }]);
    const order = await gateway.call('GET', `/v1/orders/${String((await payment(ref))['order_ref'])}`);
    expect(order.body).toMatchObject({
      status: 'paid',
      amount_paid: 49_900,
      amount_refunded: 10_000,
      amount_due: 0,
    });
  });

  test.each([
    ['no body', undefined],
    ['an empty body', {}],
    ['amount null', { amount: null, reason: null, notes: null }],
  ])('%s → whatever remains, and the payment is refunded', async (_, body) => {
    const ref = await gateway.paid();
    await refund(ref, { amount: 900 });
    const { body: rest } = await refund(ref, body);
    expect(rest).toMatchObject({ amount: 49_000, status: 'processed', reason: null });
    expect(await payment(ref)).toMatchObject({
      status: 'refunded',
      phase: 'refunded',
      amount_refunded: 49_900,
      refund_status: 'full',
    });
  });

  test('more than remains → 400 in the words of the first version, and nothing moves', async () => {
    const ref = await gateway.paid();
    await refund(ref, { amount: 40_000 });
    const { status, body } = await refund(ref, { amount: 9_901 });
    expect(status).toBe(400);
    expect(body['detail']).toBe('Refund amount 9901 exceeds refundable amount 9900');
    expect(body['error']).toMatchObject({ reason: 'refund_exceeds_refundable', step: 'refund' });
    expect(await moves(ref)).toEqual(['authorize', 'capture', 'refund']);
    expect((await refund(ref, { amount: 9_900 })).status).toBe(201);
  });

  test('of a partial capture only what was taken can be given back', async () => {
    const ref = await gateway.paid({ payment_capture: 'manual' });
    await gateway.call('POST', `/v1/payments/${ref}/capture`, { body: { amount: 20_000 } });
    expect((await refund(ref, { amount: 20_001 })).body['detail']).toBe(
      'Refund amount 20001 exceeds refundable amount 20000',
    );
    expect((await refund(ref)).body['amount']).toBe(20_000);
    expect((await payment(ref))['refund_status']).toBe('full');
  });

  test.each(['0', '-1', '-49900', '1.5', '100.0', '1e2', '"100"', '100000000000', 'true', '[]'])(
    'the amount %s → 422, and nothing is given back',
    async (amount) => {
      const ref = await gateway.paid();
      const { status, body } = await refund(ref, `{"amount": ${amount}}`);
      expect(status).toBe(422);
      expect(body['error']?.['field']).toBe('amount');
      expect(await payment(ref)).toMatchObject({ status: 'captured', amount_refunded: 0 });
    },
  );

  test.each([
    ['a property that it does not have', { amount: 1, speed: 'fast' }],
    ['257 characters of reason', { reason: 'r'.repeat(257) }],
    ['an object as notes', { notes: {} }],
  ])('%s → 422', async (_, body) => {
    expect((await refund(ABSENT, body)).status).toBe(422);
  });

  test.each([
    ['failed', { method: 'upi', vpa: 'failure@payflow' }, {}],
    ['authorized', { method: 'upi', vpa: 'success@payflow' }, { payment_capture: 'manual' }],
    ['created', { method: 'netbanking' }, {}],
  ])('of a payment that is %s → 400', async (state, body, order) => {
    const paid = await gateway.pay(await gateway.order(order), body);
    expect(paid.body['status']).toBe(state);
    const { status, body: answer } = await refund(String(paid.body['payment_ref']));
    expect(status).toBe(400);
    expect(answer['detail']).toBe(`Cannot refund payment with status '${state}'`);
  });

  test('of a payment that is refunded → 400', async () => {
    const ref = await gateway.paid();
    await refund(ref);
    const { status, body } = await refund(ref, { amount: 1 });
    expect(status).toBe(400);
    expect(body['detail']).toBe("Cannot refund payment with status 'refunded'");
  });

  test('needs the scope for it', async () => {
    const created = await gateway.api.call('POST', '/merchants/me/keys', {
      auth: gateway.merchant.token,
      body: { scopes: ['read', 'write'] },
    });
    const auth = { keyId: String(created.body['key_id']), secret: String(created.body['key_secret']) };
    const ref = await gateway.paid();
    const { status, body } = await gateway.api.call('POST', `/v1/payments/${ref}/refund`, { auth });
    expect(status).toBe(403);
    expect(body['detail']).toBe("This API key lacks the scope 'refund'");
    expect((await payment(ref))['status']).toBe('captured');
  });
});

describe('what the bank makes of it', () => {
  test('an amount ending in 13 → pending, until the bank has decided; meanwhile it counts as given back', async () => {
    const ref = await gateway.paid();
    const headers = { 'idempotency-key': 'pending-1' };
    const { status, body } = await refund(ref, { amount: 1_013 }, headers);
    expect(status).toBe(201);
    expect(body).toMatchObject({ status: 'pending', processed_at: null });
    expect(await payment(ref)).toMatchObject({ amount_refunded: 0, refund_status: null });
    expect((await refund(ref, { amount: 49_900 })).body['detail']).toBe(
      'Refund amount 49900 exceeds refundable amount 48887',
    );
    expect((await refund(ref, { amount: 1_013 }, headers)).body).toEqual(body);
    await settle(ref, 'processed');
    await becomes(ref, 'processed');
    const replay = await refund(ref, { amount: 1_013 }, headers);
    expect(replay.status).toBe(201);
    expect(replay.body).toEqual(Object.assign({}, body, { status: 'processed', processed_at: ISO }));
    expect(await payment(ref)).toMatchObject({ amount_refunded: 1_013, refund_status: 'partial' });
  });

  test('the bank refuses a pending one → failed, and all can be given back again', async () => {
    const ref = await gateway.paid();
    await refund(ref, { amount: 2_013 });
    await settle(ref, 'declined');
    await becomes(ref, 'failed');
    const { body } = await refund(ref);
    expect(body).toMatchObject({ amount: 49_900, status: 'processed' });
  });

  test('an amount ending in 17 → failed at once: 201 with the status', async () => {
    const ref = await gateway.paid();
    const { status, body } = await refund(ref, { amount: 1_017 });
    expect(status).toBe(201);
    expect(body).toMatchObject({ status: 'failed', error_reason: 'refund_declined', processed_at: null });
    expect(await payment(ref)).toMatchObject({ status: 'captured', amount_refunded: 0 });
  });

  test('the line breaks after the bank has given the money back → pending, then processed, once', async () => {
    const ref = await gateway.paid();
    await gateway.lab.bank.faults({ drop_next: 1, operations: ['refund'] });
    expect((await refund(ref, { amount: 500 })).body['status']).toBe('pending');
    await becomes(ref, 'processed');
    expect(await moves(ref)).toEqual(['authorize', 'capture', 'refund']);
  });
});

describe('Idempotency-Key', () => {
  test('one key → one refund, however often and in whatever header', async () => {
    const ref = await gateway.paid();
    const body = { amount: 100, reason: 'twice' };
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        refund(ref, body, { [index % 2 === 0 ? 'idempotency-key' : 'x-refund-idempotency']: 'refund-1' }),
      ),
    );
    answers.push(await refund(ref, body, { 'x-refund-idempotency': 'refund-1' }));
    expect(new Set(answers.map((answer) => `${answer.status} ${JSON.stringify(answer.body)}`)).size).toBe(1);
    expect(answers.filter(({ headers }) => headers['idempotent-replayed'] !== 'true')).toHaveLength(1);
    expect(await moves(ref)).toEqual(['authorize', 'capture', 'refund']);
  });

  test('the same key for another amount, or another payment → 422', async () => {
    const ref = await gateway.paid();
    const headers = { 'idempotency-key': 'refund-2' };
    await refund(ref, { amount: 100 }, headers);
    for (const answer of [
      await refund(ref, { amount: 101 }, headers),
      await refund(ref, {}, headers),
      await refund(await gateway.paid(), { amount: 100 }, headers),
    ]) {
      expect(answer.status).toBe(422);
      expect(answer.body['error']?.['reason']).toBe('idempotency_key_reused');
    }
  });

  test('a refusal is kept under its key, also when it would be granted by now', async () => {
    const paid = await gateway.pay(await gateway.order({ payment_capture: 'manual' }), {
      method: 'upi',
      vpa: 'success@payflow',
    });
    const ref = String(paid.body['payment_ref']);
    const headers = { 'idempotency-key': 'refund-3' };
    expect((await refund(ref, {}, headers)).status).toBe(400);
    await gateway.call('POST', `/v1/payments/${ref}/capture`);
    const replay = await refund(ref, {}, headers);
    expect(replay.status).toBe(400);
    expect(replay.headers['idempotent-replayed']).toBe('true');
    expect(replay.body['detail']).toBe("Cannot refund payment with status 'authorized'");
    expect((await refund(ref, {}, { 'idempotency-key': 'refund-3b' })).status).toBe(201);
  });

  test('twenty refunds at once that do not fit together → never more than was taken', async () => {
    const ref = await gateway.paid();
    const answers = await Promise.all(Array.from({ length: 20 }, () => refund(ref, { amount: 10_000 })));
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => ![201, 400, 409].includes(status))).toEqual([]);
    for (let left = 4 - statuses.filter((status) => status === 201).length; left > 0; left -= 1) {
      expect((await refund(ref, { amount: 10_000 })).status).toBe(201);
    }
    expect((await refund(ref, { amount: 10_000 })).status).toBe(400);
    expect(await payment(ref)).toMatchObject({ amount_refunded: 40_000 });
    expect((await moves(ref)).filter((kind) => kind === 'refund')).toHaveLength(4);
  });
});

describe('GET /v1/payments/{payment_ref}/refunds', () => {
  test('shows them newest first, by pages, as they were answered', async () => {
    const ref = await gateway.paid();
    expect((await list(ref)).body).toEqual([]);
    const made = [];
    for (const amount of [1, 2, 3]) made.push((await refund(ref, { amount, reason: `r${amount}` })).body);
    expect((await list(ref)).body).toEqual(made.toReversed());
    const page = await list(ref, '?limit=2');
    expect(page.headers['payflow-has-more']).toBe('true');
    const next = /^<(.*)>; rel="next"$/.exec(String(page.headers['link']))?.[1] ?? '';
    expect((await gateway.call('GET', next)).body).toEqual([made[0]]);
    const wrong = await list(ref, '?starting_after=pf_rfnd_00000000000000000000');
    expect(wrong.status).toBe(400);
    expect(wrong.body['error']?.['field']).toBe('starting_after');
  });
});

/** The bank decides about the refund that is pending for this payment. */
async function settle(ref: string, outcome: 'processed' | 'declined'): Promise<void> {
  const rows = await gateway.sql<{ id: string }>(
    `select id from commands where kind = 'refund' and args ->> 'paymentRef' = $1 and reply is not null`,
    ref,
  );
  const key = encodeURIComponent(`${rows[0]?.id ?? ''}/refund`);
  await gateway.lab.bank.post(`/refunds/${key}/settle`, { outcome });
}

async function becomes(ref: string, status: string): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    const { body } = await list(ref);
    if (String(body[0]?.['status']) === status) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`the newest refund of ${ref} does not become ${status}`);
}

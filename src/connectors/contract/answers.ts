import type { Approved, RequiresAction } from '../../domain/outcome.ts';
import type { StepRequest } from '../connector.ts';
import {
  AMOUNT,
  authorization,
  CALL,
  type ContractBank,
  held,
  IMPATIENT,
  newKey,
  stepOf,
  TWINS,
  twins,
} from './bank.ts';

export function asking(bank: () => ContractBank): void {
  test('looks up a key that the bank never saw → not_found', async () => {
    expect(await bank().connector.fetch(newKey('authorize'), CALL)).toEqual({ type: 'not_found' });
  });

  test('looks up every kind of operation → what its call was answered', async () => {
    const request = authorization(bank());
    const authorized = await bank().connector.authorize(request, CALL);
    expect(await bank().connector.fetch(request.key, CALL)).toEqual(authorized);
    const capture = stepOf(request, authorized as Approved);
    const taken = await bank().connector.capture(capture, CALL);
    expect(await bank().connector.fetch(capture.key, CALL)).toEqual(taken);
    const refund = { ...capture, key: newKey('refund'), amount: 100 };
    const given = await bank().connector.refund(refund, CALL);
    expect(await bank().connector.fetch(refund.key, CALL)).toEqual(given);
    const release = await held(bank());
    const released = await bank().connector.void(release, CALL);
    expect(await bank().connector.fetch(release.key, CALL)).toEqual(released);
  });
}

export function abandoning(bank: () => ContractBank): void {
  test('abandons an unused key → its later use is declined, no hold', async () => {
    const request = authorization(bank());
    expect(await bank().connector.abandon(request.key, CALL)).toEqual({ type: 'abandoned' });
    expect(await bank().connector.abandon(request.key, CALL)).toEqual({ type: 'abandoned' });
    expect(await bank().connector.authorize(request, CALL)).toMatchObject({
      type: 'declined',
      reason: 'authorization_abandoned',
    });
    expect(await bank().countMoves(request.key)).toBe(0);
  });

  test('abandons a held authorization → happened, the hold stays', async () => {
    const request = authorization(bank());
    const outcome = await bank().connector.authorize(request, CALL);
    expect(await bank().connector.abandon(request.key, CALL)).toEqual({ type: 'happened', outcome });
    const step = stepOf(request, outcome as Approved);
    expect(await bank().connector.capture(step, CALL)).toMatchObject({ type: 'approved' });
  });

  test('abandons while its payer is asked → abandoned, the payer can approve no more', async () => {
    const request = authorization(bank(), 'challenged');
    const { reference } = (await bank().connector.authorize(request, CALL)) as RequiresAction;
    expect(await bank().connector.abandon(request.key, CALL)).toEqual({ type: 'abandoned' });
    await bank().approveAsPayer(reference);
    expect(await bank().connector.fetch(request.key, CALL)).toMatchObject({ type: 'declined' });
    expect(await bank().countMoves(request.key)).toBe(0);
  });

  test('abandons what cannot be called back → not_yet, then happened', async () => {
    const request = authorization(bank(), 'lateApproval');
    const { reference } = (await bank().connector.authorize(request, CALL)) as RequiresAction;
    expect(await bank().connector.abandon(request.key, CALL)).toEqual({ type: 'not_yet' });
    await bank().approveAsPayer(reference);
    const outcome = { type: 'approved', reference };
    expect(await bank().connector.abandon(request.key, CALL)).toEqual({ type: 'happened', outcome });
  });
}

export function abandoningInARace(bank: () => ContractBank): void {
  test('an authorization meets its abandon → held and happened, or neither', async () => {
    for (let round = 0; round < TWINS; round++) {
      const request = authorization(bank());
      const [authorized, abandoned] = await Promise.all([
        bank().connector.authorize(request, CALL),
        bank().connector.abandon(request.key, CALL),
      ]);
      const happened = authorized.type === 'approved';
      expect(abandoned.type).toBe(happened ? 'happened' : 'abandoned');
      expect(await bank().countMoves(request.key)).toBe(happened ? 1 : 0);
    }
  });

  test('abandons many times at once with one key → abandoned for all', async () => {
    const key = newKey('authorize');
    const answers = await twins(() => bank().connector.abandon(key, CALL));
    expect(answers).toEqual(answers.map(() => ({ type: 'abandoned' })));
  });
}

export function breaking(bank: () => ContractBank): void {
  const step: StepRequest = {
    key: newKey('step'),
    orderRef: 'pf_order_none',
    reference: 'none',
    amount: AMOUNT,
    currency: 'INR',
  };

  test.each(['broken', 'silent'] as const)(
    'a %s line → unknown for every call, no exception',
    async (line) => {
      const connector = bank()[line];
      const answers = await Promise.all([
        connector.authorize(authorization(bank()), IMPATIENT),
        connector.capture(step, IMPATIENT),
        connector.void(step, IMPATIENT),
        connector.refund(step, IMPATIENT),
        connector.fetch(step.key, IMPATIENT),
        ...(connector.capabilities.abandon ? [connector.abandon(step.key, IMPATIENT)] : []),
      ]);
      const unknown = { type: 'unknown', cause: expect.any(String) };
      expect(answers).toEqual(answers.map(() => unknown));
    },
  );

  test('a silent line → given up when the time is over', async () => {
    const from = Date.now();
    await bank().silent.fetch(step.key, IMPATIENT);
    const tookMs = Date.now() - from;
    expect(tookMs).toBeGreaterThanOrEqual(IMPATIENT.timeoutMs - 5);
    expect(tookMs).toBeLessThan(IMPATIENT.timeoutMs + 1_000);
  });

  test('a call cancelled by its caller → unknown at once', async () => {
    const controller = new AbortController();
    const answer = bank().silent.fetch(step.key, { timeoutMs: 20_000, signal: controller.signal });
    controller.abort();
    expect(await answer).toMatchObject({ type: 'unknown' });
  });

  test('tokenises over a broken line → bank_unavailable, without the card in the error', async () => {
    const card = { number: '4111111111111111', expiryMonth: 12, expiryYear: 2099, cvv: '987', name: null };
    const error: unknown = await bank()
      .broken.tokenizeCard(card, IMPATIENT)
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'PayflowError', reason: 'bank_unavailable' });
    const { message, cause } = error as Error;
    expect(`${message} ${String(cause)} ${JSON.stringify(error)}`).not.toContain(card.number);
  });
}

export function callingBack(bank: () => ContractBank): void {
  test('a callback as the bank signs it → its key', () => {
    const key = newKey('authorize');
    const { rawBody, headers } = bank().callback(key);
    const parsed = bank().connector.parseCallback(rawBody, headers);
    expect(parsed).toEqual({ eventId: expect.any(String), key });
  });

  test('a callback with another body, a wrong signature or none → null', () => {
    const { rawBody, headers } = bank().callback(newKey('authorize'));
    const { connector } = bank();
    const wrong = Object.fromEntries(Object.entries(headers).map(([name]) => [name, 'f'.repeat(64)]));
    expect(connector.parseCallback(`${rawBody} `, headers)).toBeNull();
    expect(connector.parseCallback(rawBody, wrong)).toBeNull();
    expect(connector.parseCallback(rawBody, {})).toBeNull();
  });
}

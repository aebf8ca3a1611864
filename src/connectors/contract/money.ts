import type { RequiresAction } from '../../domain/outcome.ts';
import {
  AMOUNT,
  authorization,
  CALL,
  captured,
  type ContractBank,
  held,
  newKey,
  TWINS,
  twins,
} from './bank.ts';

export function authorizing(bank: () => ContractBank): void {
  test('authorizes → approved with a reference, one hold', async () => {
    const request = authorization(bank());
    const outcome = await bank().connector.authorize(request, CALL);
    expect(outcome).toEqual({ type: 'approved', reference: expect.any(String) });
    expect(await bank().countMoves(request.key)).toBe(1);
  });

  test('authorizes again and again with one key → the same answer, one hold', async () => {
    const request = authorization(bank());
    const first = await bank().connector.authorize(request, CALL);
    expect(await bank().connector.authorize(request, CALL)).toEqual(first);
    expect(await bank().countMoves(request.key)).toBe(1);
  });

  test('authorizes many times at once with one key → the same answer for all, one hold', async () => {
    const request = authorization(bank());
    const outcomes = await twins(() => bank().connector.authorize(request, CALL));
    expect(outcomes[0]?.type).toBe('approved');
    expect(outcomes).toEqual(outcomes.map(() => outcomes[0]));
    expect(await bank().countMoves(request.key)).toBe(1);
  });

  test('authorizes with the key of another request → unknown, never a second hold', async () => {
    const request = authorization(bank());
    await bank().connector.authorize(request, CALL);
    const outcome = await bank().connector.authorize({ ...request, amount: AMOUNT + 1 }, CALL);
    expect(outcome.type).toBe('unknown');
    expect(await bank().countMoves(request.key)).toBe(1);
  });

  test('a declined instrument → declined with a reason, no hold, also when asked again', async () => {
    const request = authorization(bank(), 'declined');
    const outcome = await bank().connector.authorize(request, CALL);
    expect(outcome).toMatchObject({ type: 'declined', reason: expect.any(String) });
    expect(await bank().connector.authorize(request, CALL)).toEqual(outcome);
    expect(await bank().connector.fetch(request.key, CALL)).toEqual(outcome);
    expect(await bank().countMoves(request.key)).toBe(0);
  });
}

export function waitingForThePayer(bank: () => ContractBank): void {
  test('is asked → requires_action, held once the payer approves', async () => {
    const request = authorization(bank(), 'challenged');
    const outcome = await bank().connector.authorize(request, CALL);
    expect(outcome.type).toBe('requires_action');
    const { reference, action } = outcome as RequiresAction;
    expect(action.url).toMatch(/^https?:/);
    expect(action.expiresAt).toBeGreaterThan(Date.now());
    expect(await bank().countMoves(request.key)).toBe(0);
    await bank().approveAsPayer(reference);
    expect(await bank().connector.fetch(request.key, CALL)).toEqual({ type: 'approved', reference });
    expect(await bank().countMoves(request.key)).toBe(1);
  });
}

export function capturing(bank: () => ContractBank): void {
  test('captures many times at once with one key → the same answer for all, taken once', async () => {
    const step = await held(bank());
    const outcomes = await twins(() => bank().connector.capture(step, CALL));
    expect(outcomes[0]?.type).toBe('approved');
    expect(outcomes).toEqual(outcomes.map(() => outcomes[0]));
    expect(await bank().countMoves(step.key)).toBe(1);
  });

  test('captures at once with many keys → one is approved', async () => {
    const step = await held(bank());
    const steps = Array.from({ length: TWINS }, () => ({ ...step, key: newKey('capture') }));
    const outcomes = await Promise.all(steps.map((each) => bank().connector.capture(each, CALL)));
    expect(outcomes.filter(({ type }) => type === 'approved')).toHaveLength(1);
    expect(outcomes.filter(({ type }) => type === 'declined')).toHaveLength(TWINS - 1);
  });

  test('captures a part → the rest is gone', async () => {
    const step = await held(bank());
    expect(await bank().connector.capture({ ...step, amount: AMOUNT - 1 }, CALL)).toMatchObject({
      type: 'approved',
    });
    const rest = await bank().connector.capture({ ...step, key: newKey('capture'), amount: 1 }, CALL);
    expect(rest).toMatchObject({ type: 'declined' });
  });

  test('captures more than is held → declined, nothing is taken', async () => {
    const step = await held(bank());
    expect(await bank().connector.capture({ ...step, amount: AMOUNT + 1 }, CALL)).toMatchObject({
      type: 'declined',
      reason: 'amount_exceeds_authorization',
    });
    expect(await bank().countMoves(step.key)).toBe(0);
  });
}

export function voiding(bank: () => ContractBank): void {
  test('voids many times at once with one key → approved for all, released once', async () => {
    const step = await held(bank());
    const outcomes = await twins(() => bank().connector.void(step, CALL));
    expect(outcomes[0]?.type).toBe('approved');
    expect(outcomes).toEqual(outcomes.map(() => outcomes[0]));
    expect(await bank().countMoves(step.key)).toBe(1);
  });

  test('voids what is voided with another key → approved, nothing is released again', async () => {
    const step = await held(bank());
    await bank().connector.void(step, CALL);
    const again = { ...step, key: newKey('void') };
    expect(await bank().connector.void(again, CALL)).toMatchObject({ type: 'approved' });
    expect(await bank().countMoves(again.key)).toBe(0);
  });

  test('captures what is voided → declined', async () => {
    const step = await held(bank());
    await bank().connector.void(step, CALL);
    const outcome = await bank().connector.capture({ ...step, key: newKey('capture') }, CALL);
    expect(outcome).toMatchObject({ type: 'declined', reason: 'authorization_voided' });
  });

  test('voids what is captured → already_captured with the amount taken', async () => {
    const step = await held(bank());
    await bank().connector.capture({ ...step, amount: AMOUNT - 100 }, CALL);
    const outcome = await bank().connector.void({ ...step, key: newKey('void') }, CALL);
    expect(outcome).toEqual({ type: 'already_captured', amount: AMOUNT - 100 });
  });

  test('a void meets a capture → exactly one of them happens', async () => {
    const step = await held(bank());
    const voidKey = newKey('void');
    const [captured, voided] = await Promise.all([
      bank().connector.capture(step, CALL),
      bank().connector.void({ ...step, key: voidKey }, CALL),
    ]);
    const moves = (await bank().countMoves(step.key)) + (await bank().countMoves(voidKey));
    expect(moves).toBe(1);
    if (captured.type === 'approved') expect(voided).toEqual({ type: 'already_captured', amount: AMOUNT });
    else expect(voided.type).toBe('approved');
  });
}

export function refunding(bank: () => ContractBank): void {
  test('refunds many times at once with one key → the same answer for all, given back once', async () => {
    const step = await captured(bank());
    const outcomes = await twins(() => bank().connector.refund({ ...step, amount: 1_000 }, CALL));
    expect(outcomes[0]?.type).toBe('approved');
    expect(outcomes).toEqual(outcomes.map(() => outcomes[0]));
    expect(await bank().countMoves(step.key)).toBe(1);
  });

  test('refunds in parts until nothing is left → one more is declined', async () => {
    const step = await captured(bank());
    for (const amount of [AMOUNT - 100, 100]) {
      const outcome = await bank().connector.refund({ ...step, key: newKey('refund'), amount }, CALL);
      expect(outcome.type).toBe('approved');
    }
    expect(await bank().connector.refund({ ...step, amount: 1 }, CALL)).toMatchObject({ type: 'declined' });
    expect(await bank().countMoves(step.key)).toBe(0);
  });

  test('refunds at once for more than was taken → never more than was taken is given back', async () => {
    const step = await captured(bank());
    const amount = AMOUNT / 4;
    const outcomes = await twins(() => {
      return bank().connector.refund({ ...step, key: newKey('refund'), amount }, CALL);
    });
    expect(outcomes.filter(({ type }) => type === 'approved')).toHaveLength(4);
    expect(outcomes.filter(({ type }) => type === 'declined')).toHaveLength(TWINS - 4);
  });

  test('refunds what is only held → declined', async () => {
    const step = await held(bank());
    expect(await bank().connector.refund(step, CALL)).toMatchObject({ type: 'declined' });
  });
}

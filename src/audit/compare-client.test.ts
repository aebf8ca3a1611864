import { PHASES, type Phase } from '../domain/payment.ts';
import { compareClient, unknownToldOrder } from './compare-client.ts';
import type { ClientAnswer } from './client-log.ts';
import { differenceLine } from './difference.ts';
import type { OrderRecords } from './order-records.ts';
import { CREATE, paidRecords, PAY, PAYMENT, REF, REFUND, told, withRefund } from './test-records.ts';

const paid = paidRecords();
const linesOf = (answer: Partial<ClientAnswer>, records: OrderRecords = paid) =>
  compareClient({ ...records, answers: [told(answer)] }).map(differenceLine);
const codesOf = (answer: Partial<ClientAnswer>, records: OrderRecords = paid) =>
  compareClient({ ...records, answers: [told(answer)] }).map(({ code }) => code);

function inPhase(phase: Phase): OrderRecords {
  return { ...paid, payments: paid.payments.map((row) => ({ ...row, phase })) };
}

describe('a payment', () => {
  const EARLY: readonly Phase[] = ['submitted', 'awaiting_customer', 'unknown', 'abandoning'];

  /** What the client was told, and the phases that cannot have followed from it. */
  test.each<[NonNullable<ClientAnswer['payment_status']>, readonly Phase[]]>([
    ['created', []],
    ['authorized', EARLY],
    ['captured', PHASES.filter((phase) => phase !== 'captured' && phase !== 'refunded')],
    ['refunded', PHASES.filter((phase) => phase !== 'refunded')],
    ['failed', PHASES.filter((phase) => phase !== 'failed' && phase !== 'voided')],
  ])('told as %s → a difference in %j and nowhere else', (payment_status, phases) => {
    const contradicted = PHASES.filter((phase) => codesOf({ payment_status }, inPhase(phase)).length > 0);
    expect(contradicted).toEqual(phases);
  });

  test('the line names the place in the log and both sides', () => {
    expect(linesOf({ payment_status: 'failed' })).toEqual([
      `${REF} shop.jsonl:1 pay ${PAYMENT}: client failed, payment captured [client_status_differs]`,
    ]);
  });

  test('its amounts are those that were told', () => {
    expect(codesOf({ amount: 49_900, amount_captured: 49_900 })).toEqual([]);
    expect(linesOf({ amount: 49_901 })[0]).toContain('client 49901, payment 49900');
    expect(linesOf({ amount_captured: 20_000 })[0]).toContain('client 20000, captured 49900');
  });

  test('nothing captured yet was true then', () => {
    expect(codesOf({ payment_status: 'authorized', amount_captured: 0 })).toEqual([]);
  });

  test('told and in no table → missing; only accepted → it may have been refused since', () => {
    const lost = { ...paid, payments: [] };
    expect(codesOf({}, lost)).toEqual(['client_row_missing']);
    expect(codesOf({ status: 202, payment_status: 'created' }, lost)).toEqual([]);
  });
});

describe('a refund', () => {
  const answer = { kind: 'refund', status: 201, refund_ref: REFUND, amount: 100 } as const;

  test.each([
    ['pending', 'pending', []],
    ['pending', 'processed', []],
    ['pending', 'failed', []],
    ['processed', 'processed', []],
    ['processed', 'failed', ['client_status_differs']],
    ['processed', 'pending', ['client_status_differs']],
    ['failed', 'processed', ['client_status_differs']],
    ['failed', 'failed', []],
  ] as const)('told as %s and now %s → %j', (refund_status, status, codes) => {
    expect(codesOf({ ...answer, refund_status }, withRefund(paid, { status }))).toEqual(codes);
  });

  test('lost, or of another amount', () => {
    const { commands } = withRefund(paid, {});
    expect(codesOf(answer, { ...paid, commands })).toEqual(['client_row_missing']);
    expect(codesOf({ ...answer, amount: 99 }, withRefund(paid, {}))).toEqual(['client_amount_differs']);
  });
});

describe('an order', () => {
  const created = { kind: 'create', status: 201, payment_ref: null, payment_status: null } as const;

  test('its amount is the one that was told', () => {
    expect(codesOf({ ...created, amount: 49_900 })).toEqual([]);
    expect(codesOf({ ...created, amount: 1 })).toEqual(['client_amount_differs']);
  });

  test('one that no table knows', () => {
    expect(unknownToldOrder(told({ ...created, order_ref: 'pf_order_x' }))).toMatchObject({
      code: 'client_order_unknown',
      ref: 'pf_order_x',
      sides: ['client 201', 'orders nothing'],
    });
  });
});

describe('a command', () => {
  const withReply = (reply: OrderRecords['commands'][number]['reply']) => ({
    ...paid,
    commands: paid.commands.map((command) => (command.id === PAY ? { ...command, reply } : command)),
  });
  const refusal = { ok: false, reason: 'order_expired', text: null } as const;

  test.each<[string, Partial<ClientAnswer>]>([
    ['under another key', { idempotency_key: 'another' }],
    ['of another kind', { kind: 'void' }],
    ['about another payment', { payment_ref: 'pf_pay_other', payment_status: null }],
    ['of another command with this key', { idempotency_key: `${CREATE}-key` }],
  ])('granted %s → unknown', (_, answer) => {
    expect(codesOf(answer)).toContain('client_command_unknown');
  });

  test('granted under its own key → as told', () => {
    expect(codesOf({ idempotency_key: `${PAY}-key` })).toEqual([]);
  });

  test('granted, and the reply is gone or a refusal → differs; not so where it was only accepted', () => {
    expect(linesOf({}, withReply(null))[0]).toContain('client 200, reply none [client_reply_differs]');
    expect(linesOf({}, withReply(refusal))[0]).toContain('client 200, reply order_expired');
    expect(codesOf({ status: 202, payment_status: 'created' }, withReply(refusal))).toEqual([]);
  });

  test.each<[string, Partial<ClientAnswer>, string[]]>([
    ['for good, and carried out under the same key', { reason: 'order_expired' }, ['client_reply_differs']],
    ['for good, under no key', { reason: 'order_expired', idempotency_key: null }, []],
    ['for good, under another key', { reason: 'order_expired', idempotency_key: 'another' }, []],
    ['for the moment', { status: 409, reason: 'payment_in_progress' }, []],
    ['for its shape, which may be mended under the same key', { reason: 'unsupported_method' }, []],
    ['by a server that was away', { status: 503, reason: 'unavailable' }, []],
    ['as paid already, and it is', { reason: 'order_already_paid', idempotency_key: null }, []],
  ])('refused %s', (_, answer, codes) => {
    const refused = { status: 400, payment_ref: null, payment_status: null };
    expect(codesOf({ ...refused, idempotency_key: `${PAY}-key`, ...answer })).toEqual(codes);
  });

  test('refused as paid already, and nothing was captured', () => {
    const order = { ...paid.order, captured_payment_ref: null, status: 'created' };
    expect(linesOf({ status: 400, reason: 'order_already_paid' }, { ...paid, order })[0]).toContain(
      'client order_already_paid, order created [client_status_differs]',
    );
  });
});

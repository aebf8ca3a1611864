import type { Connector } from '../src/connectors/connector.ts';
import { payRequest } from '../src/testing/factories.ts';
import { startLab, type Lab } from '../src/testing/lab.ts';

/** The bank's answer comes late, contradicts an earlier one, or is asked for twice: the money has one end. */

const MEET_MS = 2_000;
/** Orders of which one call waits for a second one. */
const meeting = new Map<string, () => void>();
let meetings = 0;

let lab: Lab;
beforeAll(async () => {
  lab = await startLab({ around: oneWaitsForTheOther });
});
afterAll(() => lab.close());
afterEach(() => lab.bank.faults(null));

/** Two calls of a payer by `meet@payflow` go to the bank at the same moment. */
function oneWaitsForTheOther(connector: Connector): Connector {
  return {
    ...connector,
    authorize: async (request, options) => {
      if (request.instrument.vpa === MEETING_VPA) await secondCall(request.orderRef);
      return connector.authorize(request, options);
    },
  };
}

const MEETING_VPA = 'meet@payflow';

async function secondCall(orderRef: string): Promise<void> {
  const first = meeting.get(orderRef);
  if (first !== undefined) {
    meetings += 1;
    first();
    return;
  }
  await new Promise<void>((resolve) => {
    meeting.set(orderRef, resolve);
    setTimeout(resolve, MEET_MS).unref();
  });
}

describe('a late success of a payment given up → refunded or captured, with its event', () => {
  test('nobody else has paid → captured', async () => {
    await lab.bank.faults({ late_success_ms: 1_500 });
    const order = await lab.createOrder();
    await lab.pay(order, { vpa: 'late@payflow' });
    await lab.reaches(order, 'abandoning');
    await lab.reaches(order, 'captured');
    await lab.closed(order);
    expect((await lab.events(order)).slice(-3)).toEqual([
      'payment.late_authorized',
      'payment.captured',
      'order.paid',
    ]);
    expect(await lab.bank.moves(order)).toEqual(['authorize', 'capture']);
  });

  test('another payment has paid → given back', async () => {
    await lab.bank.faults({ late_success_ms: 2_500 });
    const order = await lab.createOrder();
    await lab.pay(order, { vpa: 'late@payflow' });
    await lab.reaches(order, 'abandoning');
    expect(await lab.pay(order)).toMatchObject({ payment: { phase: 'captured' } });
    await lab.closed(order);
    expect(await lab.events(order)).toEqual(
      expect.arrayContaining(['payment.late_authorized', 'payment.void_requested', 'payment.voided']),
    );
    expect((await lab.bank.moves(order)).toSorted()).toEqual(['authorize', 'authorize', 'capture', 'void']);
  });
});

test('the bank answering "declined" and succeeding later with its callback lost → found and settled', async () => {
  await lab.bank.faults({ late_success_ms: 1_500 });
  const order = await lab.createOrder();
  expect(await lab.pay(order, { vpa: 'late@payflow' })).toMatchObject({ payment: { phase: 'unknown' } });
  await lab.reaches(order, 'captured');
  expect(await lab.events(order)).toEqual([
    'order.created',
    'payment.submitted',
    'payment.unknown',
    'payment.given_up',
    'payment.late_authorized',
    'payment.captured',
    'order.paid',
  ]);
  expect(await lab.bank.moves(order)).toEqual(['authorize', 'capture']);
});

test('a void that meets a capture → refunded', async () => {
  const order = await lab.createOrder();
  await lab.bank.faults({ drop_rate: 1, operations: ['capture'] });
  await lab.pay(order);
  const reply = await lab.command(order, {
    kind: 'void',
    paymentRef: await lab.paymentRef(order),
    amount: null,
  });
  expect(reply).toMatchObject({ payment: { phase: 'captured' } });
  await lab.reaches(order, 'refunded');
  await lab.closed(order);
  expect(await lab.bank.moves(order)).toEqual(['authorize', 'capture', 'refund']);
});

test('two workers calling the bank with one key at once → one charge', async () => {
  const order = await lab.createOrder();
  const command = await lab.accept(order, payRequest({ vpa: MEETING_VPA }));
  const [reply] = await Promise.all([lab.engine.drive(order, command), lab.elsewhere(order)]);
  expect(meetings).toBe(1);
  expect(reply).toMatchObject({ payment: { phase: 'captured' } });
  await lab.closed(order);
  expect(await lab.bank.moves(order)).toEqual(['authorize', 'capture']);
  expect(await lab.events(order)).toEqual([
    'order.created',
    'payment.submitted',
    'payment.captured',
    'order.paid',
  ]);
});

import type { Connector } from '../src/connectors/connector.ts';
import type { OrderLabel } from '../src/db/orders.ts';
import { NO_PAYER, payRequest } from '../src/testing/factories.ts';
import { startLab, until, type Lab } from '../src/testing/lab.ts';

/** Time alone never beats a command that was accepted: its money may be at the bank already. */

const VPA = 'x@payflow';
const PAYER_HAS_MS = 1_000;

let lab: Lab;
beforeAll(async () => {
  lab = await startLab({ around: impatient });
});
afterAll(() => lab.close());
afterEach(() => lab.bank.faults(null));

/** The bank gives payers little time. */
function impatient(connector: Connector): Connector {
  return {
    ...connector,
    authorize: async (request, options) => {
      const outcome = await connector.authorize(request, options);
      if (outcome.type !== 'requires_action') return outcome;
      return { ...outcome, action: { ...outcome.action, expiresAt: Date.now() + PAYER_HAS_MS } };
    },
  };
}

/** A pay whose run was lost after the bank had held the money, and before anything was recorded. */
async function chargedNotRecorded(order: OrderLabel): Promise<string> {
  const { id } = await lab.accept(order, payRequest({ vpa: VPA }));
  await lab.bank.charge(order, id, VPA);
  return id;
}

/** An order with a payment that was given up and that the bank is about to approve all the same. */
async function aboutToSucceedLate(change: Parameters<Lab['createOrder']>[0]): Promise<OrderLabel> {
  await lab.bank.faults({ late_success_ms: 2_000 });
  const order = await lab.createOrder(change);
  await lab.pay(order, { vpa: 'late@payflow' });
  await lab.reaches(order, 'abandoning');
  return order;
}

async function phases({ orderRef }: OrderLabel): Promise<string[]> {
  const { rows } = await lab.pool.query<{ phase: string }>(
    'select phase from payments where order_ref = $1 order by created_at',
    [orderRef],
  );
  return rows.map(({ phase }) => phase);
}

async function answered(commandId: string): Promise<boolean> {
  const { rows } = await lab.pool.query<{ open: boolean }>(
    'select reply is null as open from commands where id = $1',
    [commandId],
  );
  return rows[0]?.open === false;
}

describe("a pay charged at the bank but not recorded, then capture_before or the review timeout or a next action's expiry → settled, never forgotten", () => {
  test('the expiry of a next action → the pay is carried out', async () => {
    const order = await lab.createOrder();
    await lab.pay(order, { method: 'netbanking', payer: NO_PAYER });
    const charged = await chargedNotRecorded(order);
    await lab.closed(order);
    expect(await answered(charged)).toBe(true);
    expect(await phases(order)).toEqual(['failed', 'captured']);
    expect((await lab.bank.moves(order)).filter((kind) => kind !== 'abandon')).toEqual([
      'authorize',
      'capture',
    ]);
  });

  test('capture_before of another payment → both are released', async () => {
    const order = await aboutToSucceedLate({ captureMode: 'manual', captureWindowMs: 700 });
    const charged = await chargedNotRecorded(order);
    await until('both are released', async () => (await phases(order)).join() === 'voided,voided');
    expect(await answered(charged)).toBe(true);
    expect((await lab.bank.moves(order)).toSorted()).toEqual(['authorize', 'authorize', 'void', 'void']);
  });

  test('the review timeout of another payment → both are released', async () => {
    await lab.pool.query(`update merchants set fraud_actions = '{"high_value": "review"}'`);
    const order = await aboutToSucceedLate({ amount: 6_000_000 });
    const charged = await chargedNotRecorded(order);
    await until('in review', async () => (await phases(order))[0] === 'in_review');
    const args = {
      paymentRef: await lab.paymentRef(order),
      action: 'extend' as const,
      reference: null,
      until: Date.now() + 500,
      by: 'admin',
    };
    await lab.command(order, { kind: 'repair', args });
    await until('both are released', async () => (await phases(order)).join() === 'voided,voided');
    expect(await answered(charged)).toBe(true);
    expect((await lab.bank.moves(order)).toSorted()).toEqual(['authorize', 'authorize', 'void', 'void']);
  });
});

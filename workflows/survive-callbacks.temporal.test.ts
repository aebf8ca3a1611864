import type { OrderLabel } from '../src/db/orders.ts';
import { insertCallback } from '../src/db/sweep.ts';
import { NO_PAYER, payRequest } from '../src/testing/factories.ts';
import { startLab, startSweep, until, type Lab } from '../src/testing/lab.ts';
import { startReceiver, type Received, type Receiver } from '../src/testing/receiver.ts';

/** A callback only says that there may be news: the bank is asked, and what it says is the end. */

let bankTells: Receiver;
let lab: Lab;
let sweep: ReturnType<typeof startSweep>;
beforeAll(async () => {
  bankTells = await startReceiver((response) => response.end('ok'));
  lab = await startLab({ callback: { url: bankTells.url, secret: 'the-secret-of-callbacks' } });
  sweep = startSweep(lab);
});
afterAll(async () => {
  await sweep.stop();
  await lab.close();
  await bankTells.close();
});

/** One payer who declines, a second one who approves; both while nobody asks, where `asks` is false. */
async function story({ asks }: { asks: boolean }): Promise<{ order: OrderLabel; told: Received[] }> {
  const order = await lab.createOrder();
  const first = await payByNetbanking(order);
  await atTheBank(first.url, 'decline');
  const second = await payByNetbanking(order);
  if (!asks) await lab.handle(order).terminate('so that nobody asks');
  await atTheBank(second.url, 'approve');
  const told = () =>
    [first.id, second.id].flatMap((id) =>
      bankTells.received.filter(({ body }) => body.includes(`${id}/authorize`)),
    );
  await until('the bank has told both', () => Promise.resolve(told().length === 2));
  return { order, told: told() };
}

async function payByNetbanking(order: OrderLabel): Promise<{ id: string; url: string }> {
  const { id, ...pay } = await lab.accept(order, { ...payRequest(), method: 'netbanking', payer: NO_PAYER });
  const reply = await lab.engine.drive(order, { id, ...pay });
  return { id, url: (reply.ok ? reply.payment?.next_action?.url : null) ?? '' };
}

async function atTheBank(url: string, answer: 'approve' | 'decline'): Promise<void> {
  const { status } = await fetch(`${url}/${answer}`, { method: 'POST', redirect: 'manual' });
  expect(status).toBe(303);
}

/** As the API takes it. */
async function take({ body, headers }: Received): Promise<boolean> {
  const signature = headers['x-bank-signature'] as string;
  const callback = lab.connector.parseCallback(body, { 'x-bank-signature': signature });
  if (callback === null) throw new Error(`not a callback: ${body}`);
  return insertCallback(lab.pool, { connector: lab.connector.name, ...callback });
}

async function allHandled(): Promise<void> {
  await until('the callbacks are handled', async () => {
    const { rowCount } = await lab.pool.query('select 1 from bank_callbacks where handled_at is null');
    return rowCount === 0;
  });
}

const WAYS: Readonly<Record<string, () => Promise<OrderLabel>>> = {
  twice: async () => {
    const { order, told } = await story({ asks: false });
    const taken: boolean[] = [];
    for (const callback of [...told, ...told]) taken.push(await take(callback));
    expect(taken).toEqual([true, true, false, false]);
    return order;
  },
  'out of order': async () => {
    const { order, told } = await story({ asks: false });
    for (const callback of told.toReversed()) await take(callback);
    return order;
  },
  late: async () => {
    const { order, told } = await story({ asks: true });
    await lab.closed(order);
    const { runId } = await lab.handle(order).describe();
    for (const callback of told) await take(callback);
    await allHandled();
    expect((await lab.handle(order).describe()).runId).toBe(runId);
    return order;
  },
  never: async () => (await story({ asks: true })).order,
};

test('callbacks twice, late, out of order, never → same end', async () => {
  const orders = await Promise.all(Object.values(WAYS).map((way) => way()));
  for (const order of orders) {
    await lab.reaches(order, 'captured');
    await lab.closed(order);
    expect(await lab.events(order)).toEqual([
      'order.created',
      'payment.submitted',
      'payment.action_required',
      'payment.failed',
      'payment.submitted',
      'payment.action_required',
      'payment.captured',
      'order.paid',
    ]);
    const moves = await lab.bank.moves(order);
    expect(moves.filter((kind) => kind !== 'abandon')).toEqual(['authorize', 'capture']);
  }
  await allHandled();
});

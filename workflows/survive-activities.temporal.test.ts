import { Worker } from '@temporalio/worker';
import type { Connector } from '../src/connectors/connector.ts';
import type { OrderLabel } from '../src/db/orders.ts';
import { NO_PAYER, payRequest } from '../src/testing/factories.ts';
import { startLab, type Lab } from '../src/testing/lab.ts';
import { workflowBundle } from '../src/testing/temporal.ts';

/** An activity fails, takes too long, or is run by a task whose end is lost: the run goes on. */

const TOO_LONG_MS = 3_000;

let lab: Lab;
/** What happens once at the bank between the closing of a key and the answer about it. */
let meanwhile: (() => Promise<void>) | null = null;

beforeAll(async () => {
  lab = await startLab({ around: somethingHappensMeanwhile });
});
afterAll(() => lab.close());
afterEach(() => lab.bank.faults(null));

function somethingHappensMeanwhile(connector: Connector): Connector {
  return {
    ...connector,
    abandon: async (key, options) => {
      const told = await connector.abandon(key, options);
      const happens = meanwhile;
      meanwhile = null;
      await happens?.();
      return told;
    },
  };
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

async function runsOf({ orderRef }: OrderLabel): Promise<number> {
  const { rows } = await lab.pool.query<{ runs: number }>(
    `select count(distinct run_id)::int as runs from event_batches where order_ref = $1 and run_id <> ''`,
    [orderRef],
  );
  return rows[0]?.runs ?? 0;
}

async function replays(order: OrderLabel): Promise<void> {
  const history = await lab.handle(order).fetchHistory();
  await Worker.runReplayHistory({ workflowBundle: workflowBundle() }, history, order.orderRef);
}

test('woken while the bank has not decided → the same run lives on', async () => {
  const order = await lab.createOrder();
  await lab.bank.faults({ down: true });
  expect(await lab.pay(order)).toMatchObject({ payment: { phase: 'unknown' } });
  await lab.engine.wake(order);
  await pause(500);
  expect((await lab.handle(order).describe()).status.name).toBe('RUNNING');
  await lab.bank.faults(null);
  await lab.reaches(order, 'captured');
  await lab.closed(order);
  expect(await runsOf(order)).toBe(1);
  await replays(order);
});

test('the tables refuse for a while → the same run waits and answers', async () => {
  const order = await lab.createOrder();
  const command = await lab.accept(order, payRequest());
  await lab.pool.query('alter table event_batches rename to event_batches_elsewhere');
  const reply = lab.engine.submit(order, command);
  await pause(1_000);
  const attention = await lab.attention(order);
  await lab.pool.query('alter table event_batches_elsewhere rename to event_batches');
  expect(attention).toBe('record_failing');
  expect(await reply).toMatchObject({ payment: { phase: 'captured' } });
  await lab.closed(order);
  expect(await runsOf(order)).toBe(1);
  expect(await lab.bank.moves(order)).toEqual(['authorize', 'capture']);
  await replays(order);
});

test('the tables take too long → the run waits, and its history replays', async () => {
  const order = await lab.createOrder();
  const command = await lab.accept(order, payRequest());
  const rival = await lab.pool.connect();
  await rival.query('begin');
  await rival.query('lock table event_batches in access exclusive mode');
  const reply = lab.engine.drive(order, command);
  await pause(TOO_LONG_MS);
  await rival.query('commit');
  rival.release();
  expect(await reply).toMatchObject({ payment: { phase: 'captured' } });
  await lab.closed(order);
  expect(await lab.bank.moves(order)).toEqual(['authorize', 'capture']);
  await replays(order);
});

test('a new pay, carried out elsewhere while it takes the place of one that waits → answered, charged once', async () => {
  const order = await lab.createOrder();
  await lab.pay(order, { method: 'netbanking', payer: NO_PAYER });
  const command = await lab.accept(order, payRequest(), { key: 'the new one' });
  let rival: Promise<void> | undefined;
  meanwhile = async () => {
    rival = lab.elsewhere(order);
    await lab.reaches(order, 'captured');
  };
  expect(await lab.engine.submit(order, command)).toMatchObject({ payment: { phase: 'captured' } });
  await rival;
  await lab.closed(order);
  const { events } = await lab.handle(order).fetchHistory();
  expect(events?.filter(({ workflowTaskFailedEventAttributes: failed }) => failed != null)).toEqual([]);
  expect(await lab.bank.moves(order)).toEqual(['abandon', 'authorize', 'capture']);
});

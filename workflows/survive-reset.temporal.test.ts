import { randomUUID } from 'node:crypto';
import type { Connector } from '../src/connectors/connector.ts';
import type { OrderLabel } from '../src/db/orders.ts';
import { newRefund } from '../src/testing/factories.ts';
import { startLab, until, type Lab } from '../src/testing/lab.ts';

/** A human resets a run in the Temporal UI: its steps run again, on tables that know how they ended. */

/** `<order>: <step>` of each call that reached the bank and could move money. */
const calls: string[] = [];

let lab: Lab;
beforeAll(async () => {
  lab = await startLab({ around: counted });
});
afterAll(() => lab.close());

function counted(connector: Connector): Connector {
  const note = (step: string, { orderRef }: { orderRef: string }) => calls.push(`${orderRef}: ${step}`);
  return {
    ...connector,
    authorize: (request, options) => (note('authorize', request), connector.authorize(request, options)),
    capture: (request, options) => (note('capture', request), connector.capture(request, options)),
    void: (request, options) => (note('void', request), connector.void(request, options)),
    refund: (request, options) => (note('refund', request), connector.refund(request, options)),
  };
}

const callsOf = ({ orderRef }: OrderLabel) => calls.filter((call) => call.startsWith(orderRef)).length;

/** A paid order whose run is closed. */
async function paid(): Promise<OrderLabel> {
  const order = await lab.createOrder();
  await lab.pay(order);
  await lab.closed(order);
  return order;
}

async function currentRun(order: OrderLabel): Promise<string> {
  return (await lab.handle(order).describe()).runId;
}

/** As the button in the UI does; waits until the new run is closed. */
async function reset({ orderRef }: OrderLabel, runId: string, task: 'first' | 'last'): Promise<void> {
  const { events } = await lab.client.workflow.getHandle(orderRef, runId).fetchHistory();
  const ends = (events ?? []).filter(({ workflowTaskCompletedEventAttributes: end }) => end != null);
  const { eventId } = (task === 'first' ? ends[0] : ends.at(-1)) ?? {};
  if (eventId == null) throw new Error(`${runId} has no workflow task`);
  const { runId: newRunId } = await lab.client.workflowService.resetWorkflowExecution({
    namespace: lab.client.options.namespace,
    workflowExecution: { workflowId: orderRef, runId },
    workflowTaskFinishEventId: eventId,
    requestId: randomUUID(),
    reason: 'reset by hand',
  });
  const handle = lab.client.workflow.getHandle(orderRef, newRunId);
  await until('the new run is closed', async () => (await handle.describe()).status.name !== 'RUNNING');
  expect((await handle.describe()).status.name).toBe('COMPLETED');
}

describe('a paid run reset in the Temporal UI (first task, last task, and after a refund run) → no second bank call that moves money', () => {
  test.each(['first', 'last'] as const)('its %s task', async (task) => {
    const order = await paid();
    const events = await lab.events(order);
    await reset(order, await currentRun(order), task);
    expect(callsOf(order)).toBe(2);
    expect(await lab.bank.moves(order)).toEqual(['authorize', 'capture']);
    expect(await lab.events(order)).toEqual(events);
  });

  test.each(['first', 'last'] as const)('after a refund run, the %s task of both', async (task) => {
    const order = await paid();
    const payRun = await currentRun(order);
    await lab.command(order, newRefund(await lab.paymentRef(order), 10_000));
    await lab.closed(order);
    const events = await lab.events(order);
    const refundRun = await currentRun(order);
    await reset(order, payRun, task);
    await reset(order, refundRun, task);
    expect(callsOf(order)).toBe(3);
    expect(await lab.bank.moves(order)).toEqual(['authorize', 'capture', 'refund']);
    expect(await lab.events(order)).toEqual(events);
    // And the order lives on: what remains can be given back.
    expect(await lab.command(order, newRefund(await lab.paymentRef(order)))).toMatchObject({
      payment: { phase: 'refunded' },
    });
  });
});

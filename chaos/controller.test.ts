import { setTimeout as sleep } from 'node:timers/promises';
import { startController, type Controller } from './controller.ts';
import type { Passage, Step } from './steps.ts';

const ORDER = 'pf_order_one';

let controller: Controller;
beforeAll(async () => {
  controller = await startController();
});
afterAll(() => controller.close());
beforeEach(() => controller.watch(ORDER));

async function comeTo(step: Step, orderRef = ORDER): Promise<number> {
  const passage: Passage = { step, orderRef, process: 'worker', backend: null };
  const { status } = await fetch(controller.url, { method: 'POST', body: JSON.stringify(passage) });
  return status;
}

test('steps are counted for each order, and nobody is held up', async () => {
  controller.watch('pf_order_other');
  for (const step of ['fetch:before', 'fetch:after', 'fetch:before'] as const) await comeTo(step);
  await comeTo('fetch:before', 'pf_order_other');
  expect(controller.passed(ORDER).map(({ step, occurrence }) => [step, occurrence])).toEqual([
    ['fetch:before', 1],
    ['fetch:after', 1],
    ['fetch:before', 2],
  ]);
  expect(controller.passed('pf_order_other')).toHaveLength(1);
});

test('an armed order stands at its step, the second time that it comes there, until it is let go', async () => {
  const armed = controller.arm(ORDER, { step: 'fetch:before', occurrence: 2 });
  expect(await comeTo('fetch:before')).toBe(204);
  expect(armed.standing()).toBeNull();
  let went = false;
  const going = comeTo('fetch:before').then(() => (went = true));
  while (armed.standing() === null) await sleep(5);
  await sleep(50);
  expect(went).toBe(false);
  armed.release();
  await going;
  expect(await comeTo('fetch:before')).toBe(204);
});

test('let go before it came: it passes', async () => {
  const armed = controller.arm(ORDER, { step: 'record:returned', occurrence: 1 });
  armed.release();
  expect(await comeTo('record:returned')).toBe(204);
});

test('what is no passage is refused, and an order that nobody watches passes', async () => {
  expect((await fetch(controller.url, { method: 'POST', body: 'nonsense' })).status).toBe(400);
  expect(await comeTo('record:returned', 'pf_order_unknown')).toBe(204);
});

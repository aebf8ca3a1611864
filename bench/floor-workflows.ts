import {
  allHandlersFinished,
  condition,
  defineUpdate,
  proxyActivities,
  proxyLocalActivities,
  setHandler,
} from '@temporalio/workflow';
import type { FloorActivities } from './floor-worker.ts';

/** What an order costs the engine when its steps do nothing: the shapes that PayFlow is measured against. */

const local = proxyLocalActivities<FloorActivities>({ startToCloseTimeout: '2 s' });
const regular = proxyActivities<FloorActivities>({ startToCloseTimeout: '8 s' });

export const payUpdate = defineUpdate<string, []>('pay');

/** PayFlow's shape: asleep until somebody pays, two local activities, closed. */
export async function bareOrder(): Promise<void> {
  let paid = false;
  setHandler(payUpdate, async () => {
    await local.step();
    await local.step();
    paid = true;
    return 'captured';
  });
  await condition(() => paid && allHandlersFinished());
}

/** The usual shape: a regular activity for each of authorize, capture, record and webhook, no start delay. */
export async function usualOrder(): Promise<void> {
  let paid = false;
  setHandler(payUpdate, async () => {
    await regular.step();
    await regular.step();
    await regular.step();
    paid = true;
    return 'captured';
  });
  await condition(() => paid && allHandlersFinished());
  await regular.step();
}

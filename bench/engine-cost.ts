import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';

/** What the engine kept of one run. */
export interface EngineCost {
  readonly historyLength: number;
  readonly transitions: number;
}

const CLOSE_MS_MAX = 10_000;
const POLL_MS = 50;

/** Once it is closed: that is just after its last answer. */
export async function engineCost(client: Client, workflowId: string): Promise<EngineCost> {
  const handle = client.workflow.getHandle(workflowId);
  for (const giveUpAt = Date.now() + CLOSE_MS_MAX; Date.now() < giveUpAt; await sleep(POLL_MS)) {
    const { status, historyLength, raw } = await handle.describe();
    if (status.name === 'RUNNING') continue;
    return { historyLength, transitions: Number(raw.workflowExecutionInfo?.stateTransitionCount ?? 0) };
  }
  throw new Error(`${workflowId} is still open after ${CLOSE_MS_MAX / 1_000} s`);
}

import type { Client } from '@temporalio/client';

/** The queue of the order workflows and what they do at the bank. */
export const ORDER_QUEUE = 'payflow';

const ASK_MS = 2_000;

export async function engineReady(client: Client): Promise<boolean> {
  const { namespace } = client.options;
  await client.connection.withDeadline(Date.now() + ASK_MS, () =>
    client.workflowService.describeNamespace({ namespace }),
  );
  return true;
}

/** Whether somebody takes the tasks of this queue. */
export async function workerPolls(client: Client, taskQueue: string): Promise<boolean> {
  return (await pollersOf(client, taskQueue)).length > 0;
}

export interface Poller {
  /** `<pid>@<host name>`, unless the worker says otherwise. */
  readonly identity: string;
  /** Epoch ms of when it last asked for a task; it asks again once a minute at least. */
  readonly askedAt: number;
}

/** Who takes the tasks of this queue, or did a few minutes ago. */
export async function pollersOf(client: Client, taskQueue: string): Promise<readonly Poller[]> {
  const { namespace } = client.options;
  const WORKFLOW_TASKS = 1;
  const { pollers } = await client.connection.withDeadline(Date.now() + ASK_MS, () =>
    client.workflowService.describeTaskQueue({
      namespace,
      taskQueue: { name: taskQueue },
      taskQueueType: WORKFLOW_TASKS,
    }),
  );
  return (pollers ?? []).map(({ identity, lastAccessTime }) => ({
    identity: identity ?? '',
    askedAt: Number(lastAccessTime?.seconds ?? 0) * 1_000,
  }));
}

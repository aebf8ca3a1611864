import type { Client } from '@temporalio/client';

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
  const { namespace } = client.options;
  const WORKFLOW_TASKS = 1;
  const { pollers } = await client.connection.withDeadline(Date.now() + ASK_MS, () =>
    client.workflowService.describeTaskQueue({
      namespace,
      taskQueue: { name: taskQueue },
      taskQueueType: WORKFLOW_TASKS,
    }),
  );
  return (pollers ?? []).length > 0;
}

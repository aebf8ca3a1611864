import { WorkflowExecutionAlreadyStartedError, type Client } from '@temporalio/client';
import type { RetryDelivery } from '../db/delivery-retries.ts';
import type { deliverWebhook, sendSample, webhookDispatcher } from '../../workflows/webhooks.ts';

export const WEBHOOK_QUEUE = 'webhooks';

const DISPATCHER_ID = 'webhook-dispatcher';
const CALL_MS_MAX = 5_000;

/** Starts `webhook-dispatcher` where it does not run; true if it did not. */
export async function ensureDispatcher(client: Client, taskQueue: string = WEBHOOK_QUEUE): Promise<boolean> {
  return startIfAbsent(client, () =>
    client.workflow.start<typeof webhookDispatcher>('webhookDispatcher', {
      workflowId: DISPATCHER_ID,
      taskQueue,
      // Over, for whatever reason: a new run. Running: refused, which tells us so; with USE_EXISTING
      // nobody could tell.
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      workflowIdConflictPolicy: 'FAIL',
      staticSummary: 'First tries of all webhook deliveries',
    }),
  );
}

/**
 * For the dispatcher: sees to it that a delivery has its workflow, once for all times. Whether one
 * that was there before is still at work matters where a retry is overdue.
 */
export function createRetryStarter(client: Client, taskQueue: string = WEBHOOK_QUEUE) {
  return async (retry: RetryDelivery): Promise<'started' | 'running' | 'ended'> => {
    const workflowId = retryWorkflowId(retry);
    const summary = `${retry.eventType} ${retry.eventId} → ${new URL(retry.url).host}`;
    const started = await startIfAbsent(client, () =>
      client.workflow.start<typeof deliverWebhook>('deliverWebhook', {
        workflowId,
        taskQueue,
        args: [{ deliveryId: retry.id, summary }],
        workflowIdReusePolicy: 'REJECT_DUPLICATE',
        workflowIdConflictPolicy: 'FAIL',
        startDelay: retry.waitMs,
        staticSummary: summary,
      }),
    );
    if (started) return 'started';
    const { status } = await client.connection.withDeadline(Date.now() + CALL_MS_MAX, () =>
      client.workflow.getHandle(workflowId).describe(),
    );
    return status.name === 'RUNNING' ? 'running' : 'ended';
  };
}

/** Not posted later than this: by then nobody waits for it any more. */
const SAMPLE_RUN_MAX = '2 m';

/** For the API: sees to it that a sample has its workflow, once for all times. */
export function createSampleStarter(client: Client, taskQueue: string = WEBHOOK_QUEUE) {
  return async (sample: { id: string; eventType: string; url: string }): Promise<void> => {
    const summary = `Sample ${sample.eventType} → ${new URL(sample.url).host}`;
    await startIfAbsent(client, () =>
      client.workflow.start<typeof sendSample>('sendSample', {
        workflowId: `webhook-sample:${sample.id}`,
        taskQueue,
        args: [{ sampleId: sample.id, summary }],
        workflowIdReusePolicy: 'REJECT_DUPLICATE',
        workflowIdConflictPolicy: 'FAIL',
        workflowExecutionTimeout: SAMPLE_RUN_MAX,
        staticSummary: summary,
      }),
    );
  };
}

function retryWorkflowId({ id, eventId, endpointId, isResend }: RetryDelivery): string {
  return isResend ? `${eventId}:${endpointId}:${id}` : `${eventId}:${endpointId}`;
}

async function startIfAbsent(client: Client, start: () => Promise<unknown>): Promise<boolean> {
  try {
    await client.connection.withDeadline(Date.now() + CALL_MS_MAX, start);
    return true;
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return false;
    throw error;
  }
}

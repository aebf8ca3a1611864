import { continueAsNew, proxyActivities, workflowInfo } from '@temporalio/workflow';
import type { WebhookActivities } from '../activities/webhooks.ts';

/**
 * First tries. One activity for as long as there is a worker: it costs no history, and a worker that
 * dies is noticed by its heartbeat within 5 s. Every end of it is an error, tried again soon: also
 * when Postgres is away for hours.
 */
const { dispatchWebhooks } = proxyActivities<WebhookActivities>({
  startToCloseTimeout: '365 days',
  heartbeatTimeout: '5 s',
  retry: { initialInterval: '500 ms', backoffCoefficient: 1 },
});

/**
 * Retries. The delays come with the failures of the activity and sum to 72 h ± 20 %; the policy here
 * is for faults of ours, such as Postgres being away.
 */
const { attemptDelivery } = proxyActivities<WebhookActivities>({
  startToCloseTimeout: '30 s',
  scheduleToCloseTimeout: '96 h',
  retry: { initialInterval: '5 s', backoffCoefficient: 2, maximumInterval: '1 m' },
});

// A sample that nobody could post within a minute is not posted later, when nobody waits for it.
const { postSample } = proxyActivities<WebhookActivities>({
  startToCloseTimeout: '15 s',
  scheduleToCloseTimeout: '1 m',
  retry: { initialInterval: '500 ms', backoffCoefficient: 2, maximumInterval: '5 s' },
});

/** `webhook-dispatcher`: there is one, and it never ends by itself. */
export async function webhookDispatcher(): Promise<void> {
  while (!workflowInfo().continueAsNewSuggested) await dispatchWebhooks();
  await continueAsNew<typeof webhookDispatcher>();
}

/** A delivery whose first try failed, until it is taken or given up. Started when the second try is due. */
export async function deliverWebhook(delivery: { deliveryId: string; summary: string }) {
  const { deliveryId, summary } = delivery;
  return attemptDelivery.executeWithOptions({ summary }, [{ deliveryId }]);
}

export async function sendSample(sample: { sampleId: string; summary: string }): Promise<void> {
  const { sampleId, summary } = sample;
  await postSample.executeWithOptions({ summary }, [{ sampleId }]);
}

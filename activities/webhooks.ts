import { ApplicationFailure, Context } from '@temporalio/activity';
import { giveUpDeliveries, loadDelivery, type DueDelivery } from '../src/db/deliveries.ts';
import { recordAttempts, type Attempt } from '../src/db/delivery-attempts.ts';
import { isPossible, makeAttempt } from './webhooks-attempt.ts';
import { dispatch } from './webhooks-dispatch.ts';
import { postSample } from './webhooks-sample.ts';
import type { DispatchDeps } from './webhooks-run.ts';

/** A retry that comes earlier than it is due by no more than this is made: clocks differ a little. */
const EARLY_MS_MAX = 1_000;

export type WebhookDeps = DispatchDeps;
export type WebhookActivities = ReturnType<typeof createWebhookActivities>;

/** All activities of the queue `webhooks`: every POST to a merchant happens in one of them. */
export function createWebhookActivities(deps: WebhookDeps) {
  return {
    /** First tries, for as long as this worker lives. It ends only with an error, and is tried again. */
    dispatchWebhooks: (): Promise<never> => dispatch(deps),

    /** One retry. Its failures carry the time of the next one, so that Temporal shows both. */
    async attemptDelivery({ deliveryId }: { deliveryId: string }) {
      const delivery = await loadDelivery(deps.pool, deliveryId);
      if (delivery === null) throw ended('there is no such delivery');
      // Recorded by a try whose completion Temporal did not hear of.
      if (delivery.status === 'delivered') return { attempt: delivery.attempts };
      if (delivery.status === 'failed') throw ended('the delivery has been given up');
      if (delivery.waitMs > EARLY_MS_MAX) throw notDue(delivery.waitMs);
      if (!isPossible(delivery)) {
        await giveUpDeliveries(deps.pool, [deliveryId]);
        throw ended('the endpoint is switched off or deleted');
      }
      return attemptOnce(deps, delivery);
    },

    /** What a merchant tries an endpoint with; what came of it is in its row. */
    postSample: ({ sampleId }: { sampleId: string }): Promise<void> => postSample(deps, sampleId),
  };
}

async function attemptOnce(deps: WebhookDeps, delivery: DueDelivery) {
  const attempt = await makeAttempt(deps, delivery, Context.current().cancellationSignal);
  if (attempt === null) {
    throw ApplicationFailure.create({ type: 'HandingOver', message: 'handing over', ...BENIGN });
  }
  const changed = await recordAttempts(deps.pool, { attempts: [attempt], handOver: false });
  if (!changed.has(delivery.id)) {
    throw ApplicationFailure.create({
      type: 'Overtaken',
      message: 'another try was recorded meanwhile',
      ...BENIGN,
    });
  }
  if (attempt.outcome === 'delivered') return { attempt: attempt.attempt };
  throw failure(attempt);
}

/** What a receiver does is no fault of ours, and not for our error log. */
const BENIGN = { category: 'BENIGN' } as const;

function failure(attempt: Attempt): ApplicationFailure {
  const { host } = new URL(attempt.targetUrl);
  return ApplicationFailure.create({
    type: attempt.gone ? 'EndpointGone' : 'DeliveryFailed',
    message: attempt.status === null ? `${host}: ${attempt.error}` : `${attempt.error} from ${host}`,
    nonRetryable: attempt.delayMs === null,
    nextRetryDelay: attempt.delayMs ?? undefined,
    details: [{ attempt: attempt.attempt }],
    ...BENIGN,
  });
}

function ended(message: string): ApplicationFailure {
  return ApplicationFailure.create({ type: 'DeliveryEnded', message, nonRetryable: true, ...BENIGN });
}

/** A try was recorded, but Temporal did not hear of it and came back by its own schedule. */
function notDue(waitMs: number): ApplicationFailure {
  return ApplicationFailure.create({
    type: 'NotDue',
    message: `the next try is due in ${Math.ceil(waitMs / 1_000)} s`,
    nextRetryDelay: waitMs,
    ...BENIGN,
  });
}

import { ApplicationFailure, Context } from '@temporalio/activity';
import { finishSample, loadSample, type DueSample } from '../src/db/webhook-samples.ts';
import { eventBody } from '../src/domain/events.ts';
import { SAMPLE_SEQUENCE, sampleEventId, samplePayload } from '../src/domain/sample-event.ts';
import { postSigned } from './webhooks-attempt.ts';
import type { DispatchDeps } from './webhooks-run.ts';

/** Posts it and writes down what came of it. Tried again, it ends with the first result. */
export async function postSample(deps: DispatchDeps, sampleId: string): Promise<void> {
  const sample = await loadSample(deps.pool, sampleId);
  if (sample === null) {
    throw ApplicationFailure.nonRetryable('there is no such sample', 'SampleMissing');
  }
  if (sample.success !== null) return;
  const { url } = sample.endpoint;
  if (url === null) {
    const error = 'the endpoint has been deleted';
    await finishSample(deps.pool, sampleId, { ...NOTHING_SENT, error });
    return;
  }
  const signal = Context.current().cancellationSignal;
  const { status, body, error, durationMs } = await post(deps, { sample, url, signal });
  // Cut off by the end of this process: nobody knows how it went, and another worker makes it again.
  if (signal.aborted && status === null) {
    throw ApplicationFailure.create({ type: 'HandingOver', message: 'handing over', category: 'BENIGN' });
  }
  await finishSample(deps.pool, sampleId, { targetUrl: url, status, body, error, durationMs });
}

const NOTHING_SENT = { targetUrl: null, status: null, body: null, durationMs: null };

function post(
  deps: DispatchDeps,
  { sample, url, signal }: { sample: DueSample; url: string; signal: AbortSignal },
) {
  const { id, endpointId, eventType: type, createdAt, endpoint } = sample;
  const eventId = sampleEventId(id);
  return postSigned(deps, {
    url,
    body: eventBody({
      id: eventId,
      type,
      at: createdAt,
      sequence: SAMPLE_SEQUENCE,
      payload: samplePayload(type),
    }),
    eventId,
    eventType: type,
    deliveryId: id,
    at: new Date(),
    endpoint: { id: endpointId, ...endpoint },
    signal,
  });
}

import type { DueDelivery } from '../src/db/deliveries.ts';
import type { Attempt } from '../src/db/delivery-attempts.ts';
import { eventBody } from '../src/domain/events.ts';
import { deliveryDelayMs } from '../src/domain/retry.ts';
import type { Poster } from '../src/webhooks/post.ts';
import { secretsInUse, signedHeaders } from '../src/webhooks/sign.ts';

export interface AttemptDeps {
  readonly poster: Poster;
  readonly signingSecret: string;
  /** When a failed delivery is tried again; tests are in a hurry. */
  readonly delayMs?: typeof deliveryDelayMs;
}

const GONE = 410;

/** False: the endpoint has been switched off, deleted, or left without a URL. */
export function isPossible({ endpoint }: DueDelivery): boolean {
  return endpoint.isActive && endpoint.url !== null;
}

/**
 * One POST, and what follows from it. Null if `signal` cut it off: then nobody knows how it went, and
 * the same try is made again.
 */
export async function makeAttempt(
  deps: AttemptDeps,
  delivery: DueDelivery,
  signal: AbortSignal,
): Promise<Attempt | null> {
  const { url } = delivery.endpoint;
  if (url === null) throw new RangeError('a delivery without a URL cannot be tried');
  const at = new Date();
  const attempt = delivery.attempts + 1;
  const body = bodyOf(delivery);
  const headers = headersOf(deps, { delivery, body, at });
  const result = await deps.poster.post({ url, headers, body, signal });
  if (signal.aborted && result.status === null) return null;
  const gone = result.status === GONE;
  const { delayMs = deliveryDelayMs } = deps;
  const taken = result.error === null;
  const wait = taken || gone ? null : delayMs(attempt, Math.random(), result.retryAfterMs);
  const { status, error, durationMs } = result;
  return {
    deliveryId: delivery.id,
    targetUrl: url,
    body: result.body,
    attempt,
    at,
    status,
    error,
    durationMs,
    gone,
    delayMs: wait,
    outcome: taken ? 'delivered' : wait === null ? 'failed' : 'retrying',
  };
}

/** The same bytes at every try. */
function bodyOf({ eventId, event }: DueDelivery): string {
  return eventBody({ id: eventId, ...event });
}

function headersOf(
  { signingSecret }: AttemptDeps,
  { delivery, body, at }: { delivery: DueDelivery; body: string; at: Date },
): Record<string, string> {
  const { secretVersion: version, overlapUntil: until } = delivery.endpoint;
  const overlapUntil = until === null ? null : new Date(until);
  return signedHeaders({
    body,
    eventId: delivery.eventId,
    eventType: delivery.event.type,
    deliveryId: delivery.id,
    at,
    secrets: secretsInUse({ signingSecret, endpointId: delivery.endpointId, version, overlapUntil, at }),
  });
}

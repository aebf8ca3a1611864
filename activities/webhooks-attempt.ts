import type { DueDelivery } from '../src/db/deliveries.ts';
import type { Attempt } from '../src/db/delivery-attempts.ts';
import { eventBody } from '../src/domain/events.ts';
import { deliveryDelayMs } from '../src/domain/retry.ts';
import type { Poster, PostResult } from '../src/webhooks/post.ts';
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
  const result = await postSigned(deps, {
    url,
    // The same bytes at every try.
    body: eventBody({ id: delivery.eventId, ...delivery.event }),
    eventId: delivery.eventId,
    eventType: delivery.event.type,
    deliveryId: delivery.id,
    at,
    endpoint: { id: delivery.endpointId, ...delivery.endpoint },
    signal,
  });
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

export interface SignedPost {
  readonly url: string;
  readonly body: string;
  readonly eventId: string;
  readonly eventType: string;
  readonly deliveryId: string;
  readonly at: Date;
  readonly endpoint: {
    readonly id: string;
    readonly secretVersion: number;
    readonly overlapUntil: string | null;
  };
  readonly signal: AbortSignal;
}

/** One POST with the headers of a webhook; like the poster it never rejects. */
export function postSigned(
  { poster, signingSecret }: AttemptDeps,
  { url, signal, endpoint, ...signed }: SignedPost,
): Promise<PostResult> {
  const { id: endpointId, secretVersion: version, overlapUntil: until } = endpoint;
  const overlapUntil = until === null ? null : new Date(until);
  const { at, body } = signed;
  const secrets = secretsInUse({ signingSecret, endpointId, version, overlapUntil, at });
  return poster.post({ url, headers: signedHeaders({ ...signed, secrets }), body, signal });
}

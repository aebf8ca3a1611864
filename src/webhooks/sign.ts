import { createHmac } from 'node:crypto';

const SECRET_PREFIX = 'whsec_';

/**
 * The secret of one endpoint, e.g. `whsec_…`. It is derived, so nothing secret is stored: the same
 * three inputs give it again. An endpoint's id is a UUID and so of one length, which keeps
 * id ‖ version unambiguous. Padded standard base64: the ready-made verifiers misread base64url.
 */
export function webhookSecret(signingSecret: string, endpointId: string, version: number): string {
  const key = createHmac('sha256', signingSecret).update(`${endpointId}${version}`).digest('base64');
  return `${SECRET_PREFIX}${key}`;
}

export interface EndpointSecrets {
  readonly signingSecret: string;
  readonly endpointId: string;
  readonly version: number;
  /** Until then the version before signs too; null when nothing was rotated. */
  readonly overlapUntil: Date | null;
  readonly at: Date;
}

/** The secrets that sign at this moment, the oldest first. */
export function secretsInUse(endpoint: EndpointSecrets): readonly string[] {
  const { signingSecret, endpointId, version, overlapUntil, at } = endpoint;
  const rotating = version > 1 && overlapUntil !== null && at < overlapUntil;
  const versions = rotating ? [version - 1, version] : [version];
  return versions.map((each) => webhookSecret(signingSecret, endpointId, each));
}

export interface Delivery {
  /** The exact bytes that are sent. */
  readonly body: string;
  readonly eventId: string;
  readonly eventType: string;
  readonly deliveryId: string;
  /** The time of this try: receivers refuse old ones to stop replays. */
  readonly at: Date;
  /** Those in use, the oldest first. */
  readonly secrets: readonly string[];
}

/**
 * All headers of one POST. `X-PayFlow-Signature` holds a single signature, made with the oldest
 * secret: a merchant who has not yet taken over the new one goes on verifying until the overlap
 * ends. `webhook-signature` (Standard Webhooks) carries one for each. `webhook-id` is the event's,
 * so that a receiver that keeps the ids it has seen also recognises a resend.
 */
export function signedHeaders(delivery: Delivery): Record<string, string> {
  const { body, eventId, at, secrets } = delivery;
  const [oldest] = secrets;
  if (oldest === undefined) throw new RangeError('a delivery needs a secret to be signed with');
  const timestamp = Math.floor(at.getTime() / 1000);
  const signed = `${eventId}.${timestamp}.${body}`;
  return {
    'content-type': 'application/json',
    'x-payflow-signature': createHmac('sha256', oldest).update(body).digest('hex'),
    'x-payflow-event': delivery.eventType,
    'x-payflow-event-id': eventId,
    'x-payflow-delivery': delivery.deliveryId,
    'webhook-id': eventId,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': secrets.map((secret) => `v1,${standardSignature(secret, signed)}`).join(' '),
  };
}

/** Keyed with the decoded bytes, while `X-PayFlow-Signature` is keyed with the whole string. */
function standardSignature(secret: string, signed: string): string {
  const key = Buffer.from(secret.slice(SECRET_PREFIX.length), 'base64');
  return createHmac('sha256', key).update(signed).digest('base64');
}

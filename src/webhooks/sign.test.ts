import { spawnSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { secretsInUse, signedHeaders, webhookSecret } from './sign.ts';

const SIGNING_SECRET = 'a-signing-secret-of-at-least-32-bytes';
const ENDPOINT = '0190f5fe-0000-7000-8000-000000000001';
const AT = new Date('2026-11-24T07:13:00.999Z');
const BODY = JSON.stringify({ event: 'payment.captured', payload: { note: 'ünïcode ₹499' } });

/** The guide's verifier, character by character. */
const GUIDE_VERIFIER = `
import hmac, hashlib

def verify_payflow_webhook(payload_body: str, signature_header: str, secret: str) -> bool:
    expected = hmac.new(
        key=secret.encode('utf-8'),
        msg=payload_body.encode('utf-8'),
        digestmod=hashlib.sha256
    ).hexdigest()
    return hmac.compare_digest(expected, signature_header)
`;

function guideAccepts(body: string, signature: string, secret: string): boolean {
  const script = `${GUIDE_VERIFIER}
import sys, json
body, signature, secret = json.load(sys.stdin)
print(verify_payflow_webhook(body, signature, secret))
`;
  const run = spawnSync('python3', ['-c', script], {
    input: JSON.stringify([body, signature, secret]),
    encoding: 'utf8',
  });
  if (run.status !== 0) throw new Error(`the verifier did not run: ${run.stderr}`);
  return run.stdout.trim() === 'True';
}

const delivery = (secrets: readonly string[]) => ({
  body: BODY,
  eventId: 'evt_1',
  eventType: 'payment.captured',
  deliveryId: 'd-1',
  at: AT,
  secrets,
});

describe('the secret', () => {
  test('is whsec_ and 32 bytes in padded standard base64', () => {
    for (let version = 1; version <= 200; version++) {
      const secret = webhookSecret(SIGNING_SECRET, ENDPOINT, version);
      expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
      expect(Buffer.from(secret.slice(6), 'base64')).toHaveLength(32);
    }
  });

  test('is derived from the id followed by the version', () => {
    const key = createHmac('sha256', SIGNING_SECRET).update(`${ENDPOINT}7`).digest('base64');
    expect(webhookSecret(SIGNING_SECRET, ENDPOINT, 7)).toBe(`whsec_${key}`);
  });

  test('differs by endpoint, version and signing secret', () => {
    const other = ENDPOINT.replace(/1$/, '2');
    const secrets = [
      webhookSecret(SIGNING_SECRET, ENDPOINT, 1),
      webhookSecret(SIGNING_SECRET, ENDPOINT, 2),
      webhookSecret(SIGNING_SECRET, other, 1),
      webhookSecret(`${SIGNING_SECRET}!`, ENDPOINT, 1),
    ];
    expect(new Set(secrets).size).toBe(4);
  });
});

describe('while a secret is rotated', () => {
  const endpoint = { signingSecret: SIGNING_SECRET, endpointId: ENDPOINT, at: AT };
  const one = webhookSecret(SIGNING_SECRET, ENDPOINT, 1);
  const two = webhookSecret(SIGNING_SECRET, ENDPOINT, 2);

  test('both are in use until the overlap ends, the old one first', () => {
    const soon = new Date(AT.getTime() + 1);
    expect(secretsInUse({ ...endpoint, version: 2, overlapUntil: soon })).toEqual([one, two]);
    expect(secretsInUse({ ...endpoint, version: 2, overlapUntil: AT })).toEqual([two]);
  });

  test('the first version has none before it', () => {
    const soon = new Date(AT.getTime() + 1);
    expect(secretsInUse({ ...endpoint, version: 1, overlapUntil: soon })).toEqual([one]);
    expect(secretsInUse({ ...endpoint, version: 2, overlapUntil: null })).toEqual([two]);
  });

  test('X-PayFlow-Signature stays with the old one, webhook-signature has one of each', () => {
    const both = signedHeaders(delivery([one, two]));
    const old = signedHeaders(delivery([one]));
    const fresh = signedHeaders(delivery([two]));
    expect(both['x-payflow-signature']).toBe(old['x-payflow-signature']);
    expect(both['webhook-signature']).toBe(`${old['webhook-signature']} ${fresh['webhook-signature']}`);
  });
});

describe('the headers', () => {
  const secret = webhookSecret(SIGNING_SECRET, ENDPOINT, 1);
  const headers = signedHeaders(delivery([secret]));

  test("the guide's Python verifier accepts them and refuses a changed body or another secret", () => {
    const signature = headers['x-payflow-signature']!;
    expect(guideAccepts(BODY, signature, secret)).toBe(true);
    expect(guideAccepts(`${BODY} `, signature, secret)).toBe(false);
    expect(guideAccepts(BODY, signature, webhookSecret(SIGNING_SECRET, ENDPOINT, 2))).toBe(false);
  });

  test("the guide's Node handler accepts them", () => {
    const expected = createHmac('sha256', secret).update(Buffer.from(BODY)).digest('hex');
    expect(headers['x-payflow-signature']).toBe(expected);
  });

  test('the reference vector of Standard Webhooks comes out', () => {
    // https://github.com/standard-webhooks/standard-webhooks: secret, id, time and payload of its test suites.
    const vector = signedHeaders({
      body: '{"test": 2432232314}',
      eventId: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      eventType: 'payment.captured',
      deliveryId: 'd-1',
      at: new Date(1_614_265_330_000),
      secrets: ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
    });
    expect(vector['webhook-signature']).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=');
    expect(vector['webhook-timestamp']).toBe('1614265330');
  });

  test('name the event and the delivery, and the timestamp is in whole seconds', () => {
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'x-payflow-event': 'payment.captured',
      'x-payflow-event-id': 'evt_1',
      'x-payflow-delivery': 'd-1',
      'webhook-id': 'evt_1',
      'webhook-timestamp': '1795504380',
    });
  });

  test('no secret → no delivery', () => {
    expect(() => signedHeaders(delivery([]))).toThrow('needs a secret');
  });
});

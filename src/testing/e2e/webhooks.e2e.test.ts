import { createHmac } from 'node:crypto';
import { until } from '../lab.ts';
import { startStack, type TestStack } from '../processes.ts';
import { startReceiver, type Received, type Receiver } from '../receiver.ts';
import { call, registerMerchant, type Json, type MerchantAccount } from './http.ts';
import { openShop } from './shop.ts';

/** A merchant's webhooks as a merchant sees them: over HTTP, from the real worker, into a real receiver. */

let stack: TestStack;
let profile: Receiver;
let second: Receiver;
let merchant: MerchantAccount;

beforeAll(async () => {
  profile = await startReceiver((response) => response.end('ok'));
  second = await startReceiver((response) => response.end('ok'));
  stack = await startStack();
  merchant = await registerMerchant(stack.urls.api, profile.url);
}, 120_000);
afterAll(async () => {
  await stack.stop();
  await profile.close();
  await second.close();
}, 30_000);

const api = (method: string, path: string, body?: object) =>
  call(stack.urls.api, method, path, { auth: merchant.key, ...(body === undefined ? {} : { body }) });

/** Pays a new order; its ref. */
async function paid(): Promise<string> {
  const shop = openShop(stack, merchant);
  const [ref] = await shop.createOrders(1);
  const { status } = await shop.pay(ref!, { key: `pay-${ref}` });
  expect(status).toBe(200);
  return ref!;
}

const payloadOf = ({ body }: Received) => (JSON.parse(body) as { payload: Json }).payload;

/** What the receiver was told of this order, once it is as much as expected. */
async function told(receiver: Receiver, orderRef: string, count: number): Promise<Received[]> {
  const mine = () => receiver.received.filter((each) => payloadOf(each)['order_ref'] === orderRef);
  await until(`${count} webhooks`, async () => mine().length >= count);
  return mine();
}

/** With the guide's own words: hex HMAC of the raw body, keyed with the secret as it is. */
function guideSignature({ body }: Received, secret: string): string {
  return createHmac('sha256', secret).update(body).digest('hex');
}

/** Standard Webhooks: which of the secrets have made one of the signatures. */
function standardVerdicts({ body, headers }: Received, secrets: readonly string[]): boolean[] {
  const signatures = String(headers['webhook-signature']).split(' ');
  const signed = `${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${body}`;
  return secrets.map((secret) => {
    const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
    return signatures.includes(`v1,${createHmac('sha256', key).update(signed).digest('base64')}`);
  });
}

test('an endpoint of its own: subscribed, signed, rotated, sent again, switched off', async () => {
  const created = await api('POST', '/v1/webhooks', { url: second.url, events: ['payment.captured'] });
  expect(created.status).toBe(201);
  const id = String(created.body['id']);
  const first = String(created.body['secret']);

  const order = await paid();
  const [event] = await told(second, order, 1);
  expect(event!.headers['x-payflow-event']).toBe('payment.captured');
  expect(event!.headers['x-payflow-signature']).toBe(guideSignature(event!, first));
  expect(standardVerdicts(event!, [first, merchant.webhookSecret])).toEqual([true, false]);
  // The profile's URL has its own secret and the events of the guide.
  const byProfile = await told(profile, order, 2);
  expect(new Set(byProfile.map(({ headers }) => headers['x-payflow-event']))).toEqual(
    new Set(['payment.captured', 'order.paid']),
  );
  for (const each of byProfile) {
    expect(each.headers['x-payflow-signature']).toBe(guideSignature(each, merchant.webhookSecret));
  }

  const rotated = await api('POST', `/v1/webhooks/${id}/secret/rotate`, { overlap_hours: 1 });
  const fresh = String(rotated.body['secret']);
  expect(fresh).not.toBe(first);
  const [during] = await told(second, await paid(), 1);
  expect(during!.headers['x-payflow-signature']).toBe(guideSignature(during!, first));
  expect(standardVerdicts(during!, [first, fresh])).toEqual([true, true]);

  const switched = await api('POST', `/v1/webhooks/${id}/secret/rotate`, { overlap_hours: 0 });
  const last = String(switched.body['secret']);
  const [after] = await told(second, await paid(), 1);
  expect(after!.headers['x-payflow-signature']).toBe(guideSignature(after!, last));
  expect(standardVerdicts(after!, [first, fresh, last])).toEqual([false, false, true]);

  const delivery = String(event!.headers['x-payflow-delivery']);
  const resent = await api('POST', `/v1/webhooks/deliveries/${delivery}/resend`);
  expect(resent.status).toBe(201);
  const again = (await told(second, order, 2))[1]!;
  expect(again.body).toBe(event!.body);
  expect(again.headers['webhook-id']).toBe(event!.headers['webhook-id']);
  expect(again.headers['x-payflow-delivery']).toBe(resent.body['delivery_id']);
  expect(again.headers['x-payflow-delivery']).not.toBe(delivery);
  expect(again.headers['x-payflow-signature']).toBe(guideSignature(again, last));

  const feed = (await api('GET', '/v1/events')).body as unknown as Json[];
  expect(feed.map((each) => each['sequence'])).toEqual(feed.map((_, index) => index + 1));
  const { sequence } = JSON.parse(event!.body) as { sequence: number };
  expect(JSON.stringify(feed[sequence - 1])).toBe(event!.body);

  await api('PATCH', `/v1/webhooks/${id}`, { active: false });
  const silent = await paid();
  await told(profile, silent, 2);
  expect(second.received.filter((each) => payloadOf(each)['order_ref'] === silent)).toEqual([]);
}, 60_000);

test('a sample is posted by the worker while the merchant waits', async () => {
  const [endpoint] = (await api('GET', '/v1/webhooks')).body as unknown as Json[];
  expect(endpoint).toMatchObject({ primary: true, url: profile.url });
  const { status, body } = await api('POST', `/v1/webhooks/${String(endpoint!['id'])}/test`, {
    event: 'refund.processed',
  });
  expect(status).toBe(200);
  expect(body).toMatchObject({ success: true, response_status: 200, response_body: 'ok' });
  const sample = profile.received.find(({ headers }) => headers['x-payflow-delivery'] === body['id'])!;
  expect(sample.headers['x-payflow-signature']).toBe(guideSignature(sample, merchant.webhookSecret));
});

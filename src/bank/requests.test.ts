import { authorizeRequest, hashRequest, refundRequest } from './requests.ts';

const REQUEST = {
  key: 'command/authorize',
  order_ref: 'pf_order_test',
  amount: 10_000,
  currency: 'INR',
  method: 'upi',
  instrument: { vpa: 'success@payflow' },
  return_url: 'http://localhost:8000/back',
};

test('an authorization as the caller sends it → taken', () => {
  expect(authorizeRequest.parse(REQUEST)).toEqual(REQUEST);
});

test.each([
  ['amount', 0],
  ['amount', -1],
  ['amount', 1.5],
  ['amount', '100'],
  ['amount', 100_000_000_000],
  ['currency', 'GBP'],
  ['method', 'cash'],
  ['method', 'card'],
  ['instrument', { vpa: 'x@y', pan: '4111111111111111' }],
  ['return_url', 'javascript:alert(1)'],
  ['return_url', '/back'],
  ['key', ''],
  ['key', 'a\0b'],
  ['surplus', 1],
])('an authorization with %s %j → refused', (field, value) => {
  expect(authorizeRequest.safeParse({ ...REQUEST, [field]: value }).success).toBe(false);
});

test('the same request with its properties in another order → the same hash', () => {
  const reversed = Object.fromEntries(Object.entries(REQUEST).toReversed());
  const hashes = [REQUEST, reversed].map((each) => hashRequest('authorize', authorizeRequest.parse(each)));
  expect(hashes[0]).toBe(hashes[1]);
});

test('another value, or another kind of call → another hash', () => {
  const { key, order_ref, amount, currency } = REQUEST;
  const step = refundRequest.parse({ key, order_ref, reference: 'bnk_1', amount, currency });
  const hashes = [
    hashRequest('refund', step),
    hashRequest('capture', step),
    hashRequest('refund', { ...step, amount: 1 }),
  ];
  expect(new Set(hashes).size).toBe(3);
});

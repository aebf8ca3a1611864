import { createRequestHash } from './idempotency.ts';

const hash = createRequestHash('a secret');
const request = {
  method: 'POST',
  path: '/v1/orders',
  body: { amount: 1, notes: { a: 'x', b: ['y', { c: null }] } },
};

test('the order in which properties were written does not matter, at any depth', () => {
  const body = { notes: { b: ['y', { c: null }], a: 'x' }, amount: 1 };
  expect(hash({ ...request, body })).toBe(hash(request));
});

test.each([
  ['method', { ...request, method: 'PUT' }],
  ['path', { ...request, path: '/v1/orders/' }],
  ['body', { ...request, body: { ...request.body, amount: 2 } }],
  ['order of a list', { ...request, body: { amount: 1, notes: { a: 'x', b: [{ c: null }, 'y'] } } }],
  ['type of a value', { ...request, body: { ...request.body, amount: '1' } }],
])('another %s is another request', (_, other) => {
  expect(hash(other)).not.toBe(hash(request));
});

test('who does not have our secret cannot tell a body from its hash', () => {
  expect(createRequestHash('another secret')(request)).not.toBe(hash(request));
});

test('a list of pairs is not the object that they would make', () => {
  expect(hash({ ...request, body: [['amount', 1]] })).not.toBe(hash({ ...request, body: { amount: 1 } }));
});

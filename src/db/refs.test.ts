import { ORDER_REF, PAYMENT_REF, REFUND_REF } from '../domain/ids.ts';
import { newId, newOrderRef, newPaymentRef, newQrToken, newRefundRef } from './refs.ts';

test('refs have the shapes that the domain knows', () => {
  expect(newOrderRef()).toMatch(ORDER_REF);
  expect(newPaymentRef()).toMatch(PAYMENT_REF);
  expect(newRefundRef()).toMatch(REFUND_REF);
  expect(newQrToken()).toMatch(/^[0-9a-f]{32}$/);
});

test('ids are UUIDs of version 7 and later ones sort behind earlier ones', () => {
  const ids = Array.from({ length: 100 }, newId);
  expect(ids[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(ids.toSorted()).toEqual(ids);
  expect(new Set(ids).size).toBe(ids.length);
});

import { PUBLIC_EVENTS } from './events.ts';
import { ORDER_REF, PAYMENT_REF, REFUND_REF } from './ids.ts';
import { sampleEventId, samplePayload } from './sample-event.ts';

test.each(PUBLIC_EVENTS)('a sample of %s has the fields of a real one, and refs of nothing', (type) => {
  const { payment_ref: paymentRef, order_ref: orderRef, ...payload } = samplePayload(type);
  expect(orderRef).toMatch(ORDER_REF);
  expect(orderRef).toMatch(/_0+$/);
  if (type === 'order.expired') {
    expect({ paymentRef, ...payload }).toEqual({
      paymentRef: null,
      method: null,
      status: 'expired',
      amount: expect.any(Number),
    });
    return;
  }
  expect(paymentRef).toMatch(PAYMENT_REF);
  expect(paymentRef).toMatch(/_0+$/);
  expect(Object.keys(payload).filter((name) => name.startsWith('refund_'))).toHaveLength(
    type.startsWith('refund.') ? 3 : 0,
  );
  if (type.startsWith('refund.')) expect(payload.refund_ref).toMatch(REFUND_REF);
});

test('its id is the id of no event', () => {
  const id = sampleEventId('0190f5fe-0000-7000-8000-000000000001');
  expect(id).toBe('evt_test_0190f5fe000070008000000000000001');
});

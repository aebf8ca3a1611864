import { eventId, ORDER_REF, PAYMENT_REF, REFUND_REF } from './ids.ts';

const HEX = '0123456789abcdef0123';

test.each([
  ['pf_order_', ORDER_REF],
  ['pf_pay_', PAYMENT_REF],
  ['pf_rfnd_', REFUND_REF],
])('%s and 20 hex digits is a ref, anything else is not', (prefix, shape) => {
  expect(prefix + HEX).toMatch(shape);
  const others = [HEX, prefix, prefix + HEX.slice(1), `${prefix}${HEX}0`, prefix + HEX.toUpperCase()];
  for (const other of [...others, ` ${prefix}${HEX}`, `${prefix}${HEX}\n`, `${prefix}${HEX.slice(1)}g`]) {
    expect(other).not.toMatch(shape);
  }
});

test("an event's id is made of its order and its number: the same for ever, different for every event", () => {
  expect(eventId(`pf_order_${HEX}`, 1)).toBe(`evt_${HEX}0001`);
  expect(eventId(`pf_order_${HEX}`, 26)).toBe(`evt_${HEX}001a`);
  expect(eventId(`pf_order_${HEX}`, 65_536)).toBe(`evt_${HEX}10000`);
  const ids = Array.from({ length: 70_000 }, (_, index) => eventId(`pf_order_${HEX}`, index + 1));
  expect(new Set(ids).size).toBe(ids.length);
});

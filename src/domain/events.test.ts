import {
  DEFAULT_SUBSCRIPTION,
  eventBody,
  isPublicEvent,
  PUBLIC_EVENTS,
  type PublicEventType,
} from './events.ts';
import type { Order } from './order.ts';
import { project, type EventRow } from './projection.ts';
import {
  APPROVED,
  capture,
  DECLINED,
  IN_PHASE,
  MANUAL,
  newOrder,
  news,
  pay,
  refund,
  tell,
  voidOf,
  type Told,
} from './test-story.ts';

/** What becomes of an order, and the one public event of it that is looked at. */
const STORIES: Record<PublicEventType, () => { before: Order; told: Told }> = {
  'payment.captured': () =>
    of(IN_PHASE.authorized(), (o) => tell(o, capture({ amount: 100 }), { capture: APPROVED })),
  'payment.failed': () => of(newOrder(), (o) => tell(o, pay(), { authorize: DECLINED })),
  'order.paid': () => of(newOrder(), (o) => tell(o, pay(), { authorize: APPROVED, capture: APPROVED })),
  'refund.processed': () =>
    of(IN_PHASE.captured(), (o) => tell(o, refund({ amount: 100 }), { refund: APPROVED })),
  'order.expired': () => of(newOrder(), (o) => tell(o, { kind: 'expire' })),
  'payment.authorized': () => of(newOrder(MANUAL), (o) => tell(o, pay(), { authorize: APPROVED })),
  'payment.late_authorized': () =>
    of(IN_PHASE.abandoning(), (o) =>
      news(o, { abandon: { type: 'happened', outcome: APPROVED }, capture: APPROVED }),
    ),
  'payment.voided': () => of(IN_PHASE.authorized(), (o) => tell(o, voidOf(), { void: APPROVED })),
  'refund.created': () => of(IN_PHASE.captured(), (o) => tell(o, refund({ amount: 100 }))),
  'refund.failed': () => of(IN_PHASE.captured(), (o) => tell(o, refund(), { refund: DECLINED })),
};

const of = (before: Order, become: (order: Order) => Told) => ({ before, told: become(before) });

function bodyOf(type: PublicEventType): string {
  const { before, told } = STORIES[type]();
  const row: EventRow = project(before, told.events).events.find((event) => event.type === type)!;
  return eventBody({ id: row.id, type: row.type, at: row.at, sequence: 7, payload: row.payload! });
}

const order = (n: string) => `{"id":"evt_aaaaaaaaaaaaaaaaaaaa${n}",`;
const head = '"sequence":7,"api_version":"2026-11-01","payload":{';
const payRef = '"payment_ref":"pf_pay_bbbbbbbbbbbbbbbbbbb1"';
const ref = '"order_ref":"pf_order_aaaaaaaaaaaaaaaaaaaa"';
const at = (seconds: number) => `"created_at":"2026-11-24T09:00:0${seconds}.000Z",`;
const refundRef = '"refund_ref":"pf_rfnd_ccccccccccccccccccc1"';

/** The bytes that are signed, delivered, delivered again, and listed: a change here breaks receivers. */
const GOLDEN: Record<PublicEventType, string> = {
  'payment.captured': `${order('0004')}"event":"payment.captured",${at(2)}${head}${payRef},${ref},"amount":100,"method":"upi","status":"captured"}}`,
  'payment.failed': `${order('0003')}"event":"payment.failed",${at(1)}${head}${payRef},${ref},"amount":49900,"method":"upi","status":"failed"}}`,
  'order.paid': `${order('0004')}"event":"order.paid",${at(1)}${head}${payRef},${ref},"amount":49900,"method":"upi","status":"captured"}}`,
  'refund.processed': `${order('0006')}"event":"refund.processed",${at(2)}${head}${payRef},${ref},"amount":49900,"method":"upi","status":"captured",${refundRef},"refund_amount":100,"refund_status":"processed"}}`,
  'order.expired': `${order('0002')}"event":"order.expired",${at(1)}${head}"payment_ref":null,${ref},"amount":49900,"method":null,"status":"expired"}}`,
  'payment.authorized': `${order('0003')}"event":"payment.authorized",${at(1)}${head}${payRef},${ref},"amount":49900,"method":"upi","status":"authorized"}}`,
  'payment.late_authorized': `${order('0004')}"event":"payment.late_authorized",${at(2)}${head}${payRef},${ref},"amount":49900,"method":"upi","status":"authorized"}}`,
  'payment.voided': `${order('0005')}"event":"payment.voided",${at(2)}${head}${payRef},${ref},"amount":49900,"method":"upi","status":"failed"}}`,
  'refund.created': `${order('0005')}"event":"refund.created",${at(2)}${head}${payRef},${ref},"amount":49900,"method":"upi","status":"captured",${refundRef},"refund_amount":100,"refund_status":"pending"}}`,
  'refund.failed': `${order('0006')}"event":"refund.failed",${at(2)}${head}${payRef},${ref},"amount":49900,"method":"upi","status":"captured",${refundRef},"refund_amount":49900,"refund_status":"failed"}}`,
};

test.each(PUBLIC_EVENTS)('%s has exactly these bytes', (type) => {
  expect(bodyOf(type)).toBe(GOLDEN[type]);
});

test('one body in full, as a receiver sees it', () => {
  expect(bodyOf('refund.processed')).toBe(
    '{"id":"evt_aaaaaaaaaaaaaaaaaaaa0006","event":"refund.processed","created_at":"2026-11-24T09:00:02.000Z",' +
      '"sequence":7,"api_version":"2026-11-01","payload":{"payment_ref":"pf_pay_bbbbbbbbbbbbbbbbbbb1",' +
      '"order_ref":"pf_order_aaaaaaaaaaaaaaaaaaaa","amount":49900,"method":"upi","status":"captured",' +
      '"refund_ref":"pf_rfnd_ccccccccccccccccccc1","refund_amount":100,"refund_status":"processed"}}',
  );
});

test('the bytes do not depend on the order in which the tables keep the payload', () => {
  const payload = { status: 'captured', method: 'upi', amount: 1, order_ref: 'o', payment_ref: 'p' } as const;
  const event = { id: 'evt_1', type: 'payment.captured', at: '2026-11-24T09:00:00.000Z', sequence: 1 };
  const turned = { payment_ref: 'p', order_ref: 'o', amount: 1, method: 'upi', status: 'captured' } as const;
  expect(eventBody({ ...event, payload })).toBe(eventBody({ payload: turned, ...event }));
});

test("merchants are told ten kinds of events, and the guide's four unless they ask for more", () => {
  expect(PUBLIC_EVENTS).toHaveLength(10);
  expect(DEFAULT_SUBSCRIPTION).toEqual([
    'payment.captured',
    'payment.failed',
    'order.paid',
    'refund.processed',
  ]);
  expect(PUBLIC_EVENTS.every(isPublicEvent)).toBe(true);
  for (const internal of [
    'order.created',
    'command.refused',
    'payment.unknown',
    'payment.given_up',
    'nonsense',
  ]) {
    expect(isPublicEvent(internal)).toBe(false);
  }
});

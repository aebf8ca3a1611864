import type { EventData, PaymentEventType } from './events.ts';
import { evolve } from './order.ts';
import {
  apiPhase,
  holdsTheOrder,
  isFinal,
  paymentStatus,
  PHASES,
  TRANSITIONS,
  type Phase,
} from './payment.ts';
import { ACTION, event, IN_PHASE, P1 } from './test-story.ts';

/** The whole machine, written down a second time: phase × event → next phase, – where it cannot happen. */
const GRID = `
                   action_required    unknown  given_up    authorized  late_authorized  captured  failed
submitted          awaiting_customer  unknown  abandoning  authorized  authorized       captured  failed
awaiting_customer  –                  –        abandoning  authorized  –                captured  failed
unknown            awaiting_customer  –        abandoning  authorized  –                captured  failed
abandoning         –                  –        –           –           authorized       captured  failed
authorized         –                  –        –           –           –                captured  –
in_review          –                  –        –           –           –                –         –
capturing          –                  –        –           –           –                captured  –
voiding            –                  –        –           –           –                captured  –
captured           –                  –        –           –           –                –         –
refunded           –                  –        –           –           –                –         –
voided             –                  –        –           –           –                –         –
failed             –                  –        –           –           –                –         –

                   review_requested  approved_in_review  capture_unknown  capture_declined  void_requested  voided  refunded  deadline_extended
submitted          –                 –                   –                –                 –               –       –         –
awaiting_customer  –                 –                   –                –                 –               –       –         –
unknown            –                 –                   –                –                 –               –       –         –
abandoning         –                 –                   –                –                 –               –       –         –
authorized         in_review         –                   capturing        –                 voiding         voided  –         authorized
in_review          –                 authorized          –                –                 voiding         voided  –         in_review
capturing          –                 –                   –                authorized        voiding         voided  –         –
voiding            –                 –                   –                –                 –               voided  –         –
captured           –                 –                   –                –                 –               –       refunded  –
refunded           –                 –                   –                –                 –               –       –         –
voided             –                 –                   –                –                 –               –       –         –
failed             –                 –                   –                –                 –               –       –         –
`;

const SAMPLES: { readonly [T in PaymentEventType]: EventData[T] } = {
  'payment.action_required': { paymentRef: P1, action: ACTION },
  'payment.unknown': { paymentRef: P1, cause: 'timeout' },
  'payment.given_up': { paymentRef: P1, reason: 'payment_timed_out' },
  'payment.authorized': { paymentRef: P1, reference: 'bnk_1', captureBefore: 9 },
  'payment.late_authorized': { paymentRef: P1, reference: 'bnk_1', captureBefore: 9 },
  'payment.review_requested': { paymentRef: P1, reviewBy: 9 },
  'payment.approved_in_review': { paymentRef: P1, by: 'ops@payflow' },
  'payment.capture_unknown': { paymentRef: P1, key: 'k/capture', amount: 49_900 },
  'payment.capture_declined': { paymentRef: P1, reason: 'capture_declined' },
  'payment.void_requested': { paymentRef: P1, key: 'k/void', reason: 'voided_by_merchant' },
  'payment.captured': { paymentRef: P1, amount: 49_900, reference: 'bnk_1' },
  'payment.voided': { paymentRef: P1, reason: 'voided_by_merchant' },
  'payment.failed': { paymentRef: P1, reason: 'payment_declined' },
  'payment.refunded': { paymentRef: P1 },
  'payment.deadline_extended': { paymentRef: P1, until: 9 },
};

interface Cell {
  readonly phase: Phase;
  readonly type: PaymentEventType;
  readonly next: string;
}

function cellsOf(grid: string): Cell[] {
  return grid
    .trim()
    .split('\n\n')
    .flatMap((block) => {
      const [head, ...rows] = block.split('\n').map((line) => line.trim().split(/\s+/));
      return rows.flatMap(([phase, ...cells]) =>
        cells.map((next, column) => ({
          phase: phase as Phase,
          type: `payment.${head![column]}` as PaymentEventType,
          next,
        })),
      );
    });
}

const CELLS = cellsOf(GRID);

test('the grid has a cell for every phase and every event that moves a payment', () => {
  const events = Object.keys(SAMPLES);
  const wanted = PHASES.flatMap((phase) => events.map((type) => `${phase} ${type}`));
  expect(CELLS.map(({ phase, type }) => `${phase} ${type}`).toSorted()).toEqual(wanted.toSorted());
});

test.each(CELLS)('$phase, $type → $next', ({ phase, type, next }) => {
  const order = IN_PHASE[phase]();
  expect(order.payments[P1]!.phase).toBe(phase);
  const happens = event(order.seq + 1, type, SAMPLES[type]);
  if (next === '–') {
    expect(() => evolve(order, happens)).toThrow(`${P1}: ${type} cannot happen in phase ${phase}`);
  } else {
    expect(evolve(order, happens).payments[P1]!.phase).toBe(next);
  }
});

test('the transition table has nothing that the grid does not name', () => {
  const named = new Set(
    CELLS.filter(({ next }) => next !== '–').map((c) => `${c.phase} ${c.type} ${c.next}`),
  );
  const there = PHASES.flatMap((phase) =>
    Object.entries(TRANSITIONS[phase]).map(([type, next]) => `${phase} ${type} ${next}`),
  );
  expect(new Set(there)).toEqual(named);
});

const FACES = [
  ['submitted', 'submitted', 'created', 'leaves the order free', 'goes on'],
  ['awaiting_customer', 'awaiting_customer', 'created', 'leaves the order free', 'goes on'],
  ['unknown', 'unknown', 'created', 'holds the order', 'goes on'],
  ['abandoning', 'unknown', 'created', 'leaves the order free', 'goes on'],
  ['authorized', 'authorized', 'authorized', 'holds the order', 'goes on'],
  ['in_review', 'in_review', 'authorized', 'holds the order', 'goes on'],
  ['capturing', 'authorized', 'authorized', 'holds the order', 'goes on'],
  ['voiding', 'authorized', 'authorized', 'holds the order', 'goes on'],
  ['captured', 'captured', 'captured', 'leaves the order free', 'is final'],
  ['refunded', 'refunded', 'refunded', 'leaves the order free', 'is final'],
  ['voided', 'voided', 'failed', 'leaves the order free', 'is final'],
  ['failed', 'failed', 'failed', 'leaves the order free', 'is final'],
] as const;

test.each(FACES)(
  'a payment in %s is shown as phase %s, status %s, %s and %s',
  (phase, shown, status, holds, ends) => {
    expect(apiPhase(phase)).toBe(shown);
    expect(paymentStatus(phase)).toBe(status);
    expect(holdsTheOrder(phase)).toBe(holds === 'holds the order');
    expect(isFinal(phase)).toBe(ends === 'is final');
  },
);

test('every phase has its line among the faces', () => {
  expect(FACES.map(([phase]) => phase)).toEqual(PHASES);
});

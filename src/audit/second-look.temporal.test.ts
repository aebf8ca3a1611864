import { startLab, type Lab } from '../testing/lab.ts';
import { createJournalReader } from './bank-journal.ts';
import type { Difference } from './difference.ts';
import { verify } from './verify.ts';

/** `startLab` gives its bank this key. */
const BANK_API_KEY = 'bank-api-key';

let lab: Lab;
beforeAll(async () => {
  lab = await startLab();
});
afterAll(() => lab.close());

interface Look {
  /** Happens when the journal has been read for the first time, and the tables have not. */
  readonly between: () => Promise<unknown>;
  /** How often the bank is asked for what is new; later it has nothing. */
  readonly journalReads?: number;
}

/** An audit that reads the bank before something happens and the tables after it. */
async function auditAround({ between, journalReads = Infinity }: Look) {
  const read = createJournalReader({ url: lab.bank.url, apiKey: BANK_API_KEY });
  const differences: Difference[] = [];
  let reads = 0;
  const audited = await verify(
    {
      pool: lab.pool,
      now: Date.now,
      secondLookMs: 0,
      async *readJournal(after) {
        reads += 1;
        if (reads <= journalReads) yield* read(after);
        if (reads === 1) await between();
      },
    },
    { since: null, report: (difference) => differences.push(difference), progress: () => {} },
  );
  expect(audited.differences).toBe(differences.length);
  return { differences, reads };
}

test('nothing moves → one look', async () => {
  const order = await lab.createOrder();
  await lab.pay(order);
  await lab.closed(order);
  expect(await auditAround({ between: () => Promise.resolve() })).toEqual({ differences: [], reads: 1 });
});

test('paid between the look at the bank and the look at the tables → differs at first, then not', async () => {
  const order = await lab.createOrder();
  const { differences, reads } = await auditAround({ between: () => lab.pay(order) });
  expect(differences).toEqual([]);
  expect(reads).toBe(2);
});

test('the bank has nothing of it at the second and third look either → reported, once', async () => {
  const order = await lab.createOrder();
  const { differences, reads } = await auditAround({ between: () => lab.pay(order), journalReads: 1 });
  expect(differences).toMatchObject([{ code: 'bank_capture', ref: order.orderRef }]);
  expect(reads).toBe(3);
});

test('one of two moving orders stays → that one alone is reported', async () => {
  const [wrong, moving] = [await lab.createOrder(), await lab.createOrder()];
  const between = async () => {
    await lab.pay(moving);
    await lab.pool.query('update orders set attempts = 7 where order_ref = $1', [wrong.orderRef]);
  };
  const { differences, reads } = await auditAround({ between });
  expect(differences).toMatchObject([{ code: 'row_differs', ref: wrong.orderRef }]);
  expect(reads).toBe(3);
});

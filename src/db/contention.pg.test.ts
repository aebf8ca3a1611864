import type pg from 'pg';
import type { Command, Facts, Instruction, PayCommand } from '../domain/commands.ts';
import { decide } from '../domain/decide.ts';
import { fold, isCarriedOut, type Order } from '../domain/order.ts';
import { project } from '../domain/projection.ts';
import { createDatabase, type TestDatabase } from '../testing/database.ts';
import { asked, createMerchant, createOrder, payRequest } from '../testing/factories.ts';
import { acceptForPayment, acceptPay } from './accept.ts';
import { createPool } from './pool.ts';
import { loadOrder, record, type Recorded } from './record.ts';

const ORDERS = 60;
const TWINS = 25;
const OTHERS = 25;

let database: TestDatabase;
let pool: pg.Pool;

beforeAll(async () => {
  database = await createDatabase();
  pool = createPool({ url: database.url, max: 40, applicationName: 'contention' });
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

/** A run of the order workflow without its engine: it knows less than the tables and folds what they return. */
function runOf(orderRef: string) {
  let order: Order | null = null;
  const take = (recorded: Recorded) => {
    order = fold(
      orderRef,
      recorded.batches.flatMap(({ events }) => events),
      order,
    );
    return recorded;
  };
  const load = async () =>
    take(await loadOrder(pool, { orderRef, afterSeq: order?.seq ?? 0, commandId: null }));
  const settle = async (instruction: Instruction, facts: Facts, deadline = false) => {
    const before = order!;
    const { events, reply } = decide(before, instruction, facts);
    if (events.length === 0) return null;
    return take(
      await record(pool, {
        orderRef,
        merchantId: before.merchantId,
        afterSeq: before.seq,
        commandId: 'id' in instruction ? instruction.id : null,
        deadline,
        instruction,
        facts,
        runId: 'test',
        changes: project(before, events),
        reply,
      }),
    );
  };
  const replyTo = async (command: Command) => {
    if (!isCarriedOut(order!, command)) return null;
    return take(await loadOrder(pool, { orderRef, afterSeq: order!.seq, commandId: command.id }));
  };
  return { load, settle, replyTo };
}

async function drive(orderRef: string, command: Command, declined: boolean): Promise<string> {
  const run = runOf(orderRef);
  await run.load();
  for (;;) {
    const known = await run.replyTo(command);
    if (known?.reply) return JSON.stringify(known.reply);
    const recorded = await run.settle(command, {
      at: Date.now(),
      authorize: declined
        ? { type: 'declined', reason: 'payment_declined', reference: null }
        : { type: 'approved', reference: `bnk_${command.id}` },
      capture: { type: 'approved', reference: `bnk_${command.id}` },
    });
    if (recorded?.reply) return JSON.stringify(recorded.reply);
  }
}

async function expireWhenDue(orderRef: string, expiresAt: number): Promise<void> {
  const run = runOf(orderRef);
  await run.load();
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 3));
    if (Date.now() < expiresAt) continue;
    const recorded = await run.settle({ kind: 'expire' }, { at: Date.now() }, true);
    if (recorded === null || recorded.written) return;
  }
}

test(`${ORDERS} orders × ${TWINS + OTHERS} callers with twins, late drives and a racing expiry → every order ends once`, async () => {
  const merchantId = await createMerchant(pool);
  const tally: Record<string, number> = {};
  const replies = new Map<string, Set<string>>();
  for (let index = 0; index < ORDERS; index += 1) {
    const expiresAt = Date.now() + 15 + (index % 6) * 4;
    const { order_ref: orderRef } = await createOrder(pool, merchantId, { expiresAt });
    const call = async (key: string) => {
      const acceptance = await acceptPay(pool, asked(merchantId, orderRef, { key }), payRequest());
      tally[acceptance.type] = (tally[acceptance.type] ?? 0) + 1;
      if (acceptance.type !== 'accepted') return;
      const { command } = acceptance;
      const declined = Math.random() < 0.6;
      const drives = [drive(orderRef, command, declined), drive(orderRef, command, declined)];
      const answers = await Promise.all(drives);
      // Driven again when all is over, as the sweep would.
      if (Math.random() < 0.5) answers.push(await drive(orderRef, command, !declined));
      replies.set(command.id, new Set(answers));
    };
    await Promise.all([
      ...Array.from({ length: TWINS }, () => call('twin')),
      ...Array.from({ length: OTHERS }, (_, other) => call(`other ${other}`)),
      expireWhenDue(orderRef, expiresAt),
    ]);
  }
  for (const answers of replies.values()) expect(answers.size).toBe(1);
  expect(tally['accepted']).toBeGreaterThanOrEqual(ORDERS / 2);
  expect(await wrongOrders()).toEqual([]);
  expect(await sequenceGaps(merchantId)).toBe(0);
}, 120_000);

/** Orders whose number, captures, open commands or end are not what they must be. */
async function wrongOrders(): Promise<unknown[]> {
  const { rows } = await pool.query(`
    select * from (
      select o.order_ref, o.status, o.last_seq,
        (select count(*) from events e where e.order_ref = o.order_ref) as events,
        (select count(*) from events e where e.order_ref = o.order_ref and e.type = 'payment.captured') as captured,
        (select count(*) from commands c where c.order_ref = o.order_ref and c.reply is null) as open,
        (select count(*) from (select command_id from event_batches b
           where b.order_ref = o.order_ref and command_id is not null
           group by 1 having count(*) > 1) twice) as twice,
        (select coalesce(sum(amount), 0) from ledger_entries l where l.order_ref = o.order_ref) as balance
      from orders o) x
    where events <> last_seq or captured > 1 or open > 0 or twice > 0 or balance <> 0
      or status not in ('paid', 'expired') or (status = 'paid') <> (captured = 1)`);
  return rows;
}

async function sequenceGaps(merchantId: string): Promise<number> {
  const { rows } = await pool.query<{ missing: number }>(
    `select max(sequence) - count(distinct sequence) as missing from events
     where merchant_id = $1 and sequence is not null`,
    [merchantId],
  );
  return Number(rows[0]?.missing);
}

describe('accepting', () => {
  let merchantId: string;
  let orderRef: string;
  beforeEach(async () => {
    merchantId = await createMerchant(pool);
    orderRef = (await createOrder(pool, merchantId)).order_ref;
  });

  test('counts the earlier pays of the same payer into the command', async () => {
    const other = await createOrder(pool, merchantId);
    await acceptPay(pool, asked(merchantId, orderRef), payRequest({ vpa: 'jane@upi' }));
    const second = await acceptPay(pool, asked(merchantId, other.order_ref), payRequest({ vpa: 'jane@upi' }));
    expect(second).toMatchObject({
      type: 'accepted',
      command: { signals: { attempts: 1, sameAmount: 1, merchantPayments: 1, vpaValid: true, actions: {} } },
    });
  });

  test('a key with another body → mismatch; a second open pay → refused with a conflict', async () => {
    const first = await acceptPay(pool, asked(merchantId, orderRef, { key: 'k' }), payRequest());
    expect(first.type).toBe('accepted');
    const other = asked(merchantId, orderRef, { key: 'k', requestHash: 'other' });
    expect(await acceptPay(pool, other, payRequest())).toEqual({ type: 'mismatch' });
    expect(await acceptPay(pool, asked(merchantId, orderRef), payRequest())).toEqual({
      type: 'refused',
      refusal: { reason: 'payment_in_progress' },
    });
  });

  test('a refusal with status 400 replays under its key', async () => {
    const expired = await createOrder(pool, merchantId, { expiresAt: Date.now() - 1 });
    const once = asked(merchantId, expired.order_ref, { key: 'k' });
    expect(await acceptPay(pool, once, payRequest())).toMatchObject({
      type: 'refused',
      refusal: { reason: 'order_expired' },
    });
    const again = await acceptPay(pool, asked(merchantId, expired.order_ref, { key: 'k' }), payRequest());
    expect(again).toMatchObject({ type: 'replay', reply: { ok: false, reason: 'order_expired' } });
  });

  test('an order of another merchant is as absent as an unknown one', async () => {
    const stranger = await createMerchant(pool);
    expect(await acceptPay(pool, asked(stranger, orderRef), payRequest())).toEqual({
      type: 'refused',
      refusal: { reason: 'order_not_found' },
    });
  });

  test('a capture driven again after it was answered → nothing written, the first reply', async () => {
    const manual = await createOrder(pool, merchantId, { captureMode: 'manual' });
    const run = runOf(manual.order_ref);
    await run.load();
    const pay = await acceptPay(pool, asked(merchantId, manual.order_ref), payRequest());
    const paying = (pay as { command: PayCommand }).command;
    const approved = { type: 'approved', reference: 'bnk_1' } as const;
    await run.settle(paying, { at: Date.now(), authorize: approved });
    const { paymentRef } = paying;
    const request = { kind: 'capture', paymentRef, amount: null } as const;
    const capture = await acceptForPayment(pool, asked(merchantId, manual.order_ref), request);
    const { command } = capture as { command: Command };
    const first = await run.settle(command, { at: Date.now(), capture: approved });
    const again = await run.settle(command, { at: Date.now(), capture: approved });
    expect(again).toMatchObject({ written: false, batches: [] });
    expect(JSON.stringify(again?.reply)).toBe(JSON.stringify(first?.reply));
  });

  test('tables that were restored from an older backup → nothing is decided on them', async () => {
    const orderRef = (await createOrder(pool, merchantId)).order_ref;
    const run = runOf(orderRef);
    await run.load();
    await run.settle({ kind: 'cancel' }, { at: Date.now() }, true);
    await pool.query('update orders set last_seq = 1 where order_ref = $1', [orderRef]);
    await expect(run.settle({ kind: 'expire' }, { at: Date.now() }, true)).rejects.toThrow(
      'the tables end at event 1, the history at 2',
    );
    await expect(loadOrder(pool, { orderRef, afterSeq: 3, commandId: null })).rejects.toThrow(
      'the tables end',
    );
    await pool.query('update orders set last_seq = 2 where order_ref = $1', [orderRef]);
  });

  test('a command that is not in the tables → refused loudly', async () => {
    const run = runOf(orderRef);
    await run.load();
    const { command } = (await acceptPay(pool, asked(merchantId, orderRef), payRequest())) as {
      command: Command;
    };
    const stranger = { ...command, id: '01a20c76-502b-7a3a-ac44-ea204805007c' };
    const facts = { at: Date.now(), authorize: { type: 'approved', reference: 'bnk_1' } } as const;
    await expect(run.settle(stranger, facts)).rejects.toThrow('there is no command 01a20c76');
  });

  test('a deadline with a command open → nothing written, the command is returned', async () => {
    const accepted = await acceptPay(pool, asked(merchantId, orderRef), payRequest());
    const { command } = accepted as { command: PayCommand };
    const run = runOf(orderRef);
    await run.load();
    const recorded = await run.settle({ kind: 'expire' }, { at: Date.now() }, true);
    expect(recorded).toMatchObject({ written: false, batches: [], open: [{ id: command.id, kind: 'pay' }] });
  });
});

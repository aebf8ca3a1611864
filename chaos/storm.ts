import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startStack, temporaryFolder } from '../bench/stack.ts';
import { audit, type Audit } from './audit.ts';
import { openBooks, type Standing } from './books.ts';
import { reasonOf } from './client.ts';
import { writeClientLog } from './client-log.ts';
import { killAgainAndAgain, type Kills } from './killing.ts';
import { connectMerchant, type Merchant, type Told, type Walk } from './merchant.ts';
import { settled, type World, type WorldOptions } from './world.ts';

export interface StormOptions extends WorldOptions {
  readonly orders: number;
  /** How many payers submit each order at once, each with a key of their own. */
  readonly submits: number;
  readonly seconds: number;
  readonly killEverySeconds: number;
  readonly say: (line: string) => void;
}

export interface Storm {
  readonly orders: number;
  readonly submits: number;
  readonly kills: Kills;
  /** How many requests were told what, in the end: `200`, `409 payment_in_progress`, … */
  readonly answers: Readonly<Record<string, number>>;
  readonly slowestAnswerMs: number;
  readonly refunds: { readonly asked: number; readonly given: number };
  /** Of all entries, in minor units. */
  readonly ledgerSum: number;
  readonly webhooks: { readonly expected: number; readonly arrived: number };
  readonly audit: Audit;
  /** What is not as it should be, a line each. */
  readonly faults: readonly string[];
}

const AMOUNT = 49_900;
/** Two of them are more than there is to give back. */
const REFUND = 29_940;
const REFUNDS_AT_ONCE = 3;
const REFUNDED_EVERY = 10;
const UNRESOLVED_MS_MAX = 60_000;
const WEBHOOKS_MS_MAX = 120_000;
const POLL_MS = 500;
const REPORT_MS = 15_000;

interface Visit {
  readonly orderRef: string;
  readonly told: readonly Told[];
  readonly refundsAsked: number;
  /** Requests that were never answered. */
  readonly faults: readonly string[];
}

/** Many payers at once for every order, some refunds, and a process killed every few seconds. */
export async function storm(options: StormOptions): Promise<Storm> {
  const { build, env, ending, orders, seconds, killEverySeconds, say } = options;
  const folder = temporaryFolder(ending);
  say('starting PayFlow');
  const { run } = await startStack({ build, env, folder, ending });
  const merchant = await connectMerchant(run());
  ending.add(merchant.close);
  const world = { run, merchant, books: openBooks(run()) };
  say(
    `${orders} orders, ${options.submits} payers each, a kill every ${killEverySeconds} s for ${seconds} s`,
  );
  const visiting: Promise<Visit>[] = [];
  const killing = killAgainAndAgain(run, { seconds, everySeconds: killEverySeconds });
  const reporting = setInterval(
    () => say(`${visiting.length} of ${orders} orders, ${killing.count()} kills`),
    REPORT_MS,
  );
  for (let number = 1; number <= orders; number += 1) {
    visiting.push(visit(merchant, { number, submits: options.submits }));
    await sleep((seconds * 1_000) / orders);
  }
  const kills = await killing.ended;
  clearInterval(reporting);
  say(`the last kill: ${kills.done} in all; now it has ${UNRESOLVED_MS_MAX / 1_000} s to come to rest`);
  const visits = await Promise.all(visiting);
  const isAtEnd = new Map(visits.map(({ orderRef }) => [orderRef, ({ isSettled }: Standing) => isSettled]));
  const standings = await settled(world.books, isAtEnd, kills.lastAt + UNRESOLVED_MS_MAX);
  return conclude(world, { options, folder, visits, kills, standings });
}

/** One order, from its creation to its last answer. */
async function visit(
  merchant: Merchant,
  { number, submits }: { number: number; submits: number },
): Promise<Visit> {
  const walk = await merchant.newWalk({ amount: AMOUNT });
  const pays = await Promise.allSettled(
    Array.from({ length: submits }, () => walk.pay({ method: 'upi', vpa: 'success@payflow' })),
  );
  const refunds = number % REFUNDED_EVERY === 0 ? await refund(walk) : [];
  const faults = [...pays, ...refunds].flatMap((end) =>
    end.status === 'rejected' ? [String(end.reason)] : [],
  );
  return { orderRef: walk.orderRef, told: walk.told, refundsAsked: refunds.length, faults };
}

async function refund(walk: Walk) {
  const paymentRef = await walk.paid();
  return Promise.allSettled(
    Array.from({ length: REFUNDS_AT_ONCE }, () => walk.change('refund', paymentRef, { amount: REFUND })),
  );
}

interface Ended {
  readonly options: StormOptions;
  readonly folder: string;
  readonly visits: readonly Visit[];
  readonly kills: Kills;
  readonly standings: ReadonlyMap<string, Standing>;
}

async function conclude(
  world: Pick<World, 'run' | 'books' | 'merchant'>,
  { options, folder, visits, kills, standings }: Ended,
): Promise<Storm> {
  const told = visits.flatMap((each) => each.told);
  const webhooks = await webhooksOf(world);
  const clientLog = join(folder, 'client-log.jsonl');
  writeClientLog(clientLog, told);
  const audited = await audit(world, { build: options.build, clientLog });
  const { ledger } = await world.books.totals();
  const refunded = [...standings.values()].reduce((sum, { atBank }) => sum + atBank.refunds, 0);
  return {
    orders: visits.length,
    submits: options.submits,
    kills,
    answers: countAnswers(told),
    slowestAnswerMs: Math.max(...told.map(({ answer }) => answer.ms)),
    refunds: { asked: visits.reduce((sum, { refundsAsked }) => sum + refundsAsked, 0), given: refunded },
    ledgerSum: ledger,
    webhooks,
    audit: audited,
    faults: [
      ...visits.flatMap((each) => faultsOf(each, standings.get(each.orderRef))),
      ...(ledger === 0 ? [] : [`the ledger's sum is ${ledger}`]),
      ...(webhooks.arrived === webhooks.expected
        ? []
        : [`${webhooks.arrived} of ${webhooks.expected} webhooks arrived`]),
      ...audited.differences.map(({ line }) => `auditor: ${line}`),
    ],
  };
}

function faultsOf({ orderRef, faults, refundsAsked }: Visit, standing: Standing | undefined): string[] {
  if (standing === undefined) return [...faults, `${orderRef} is gone`];
  const { atBank, isSettled, summary } = standing;
  const given = refundsAsked > 0 ? 1 : 0;
  const isRight =
    atBank.captures === 1 &&
    atBank.captured === AMOUNT &&
    atBank.holds === 0 &&
    atBank.refunds === given &&
    atBank.refunded === given * REFUND;
  return [
    ...faults,
    ...(isSettled ? [] : [`${orderRef} is unresolved: ${summary}`]),
    ...(isRight ? [] : [`${orderRef} should be charged once and refunded ${given} times: ${summary}`]),
  ];
}

/** Until every event has arrived, or for so long; then as it stands. */
async function webhooksOf({ books, merchant }: Pick<World, 'books' | 'merchant'>) {
  for (const giveUpAt = Date.now() + WEBHOOKS_MS_MAX; ; await sleep(POLL_MS)) {
    const { events } = await books.totals();
    const webhooks = { expected: events, arrived: merchant.webhooks() };
    if (webhooks.arrived >= webhooks.expected || Date.now() > giveUpAt) return webhooks;
  }
}

function countAnswers(told: readonly Told[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { answer } of told) {
    const reason = reasonOf(answer.body);
    const name = reason === null ? String(answer.status) : `${answer.status} ${reason}`;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

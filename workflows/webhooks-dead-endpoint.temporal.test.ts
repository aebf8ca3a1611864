import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../src/testing/lab.ts';
import { answers, type Behaviour } from '../src/testing/receiver.ts';
import { takeTurn, TURN_MS_MAX } from '../src/testing/turn.ts';
import { insertEvents, insertMerchant, insertTestEndpoint } from '../src/testing/webhook-rows.ts';
import { captured, createWebhookWorld, type WebhookWorld } from '../src/testing/webhook-world.ts';

/** What a merchant's dead endpoint costs, and whom. */

const EVENTS = 2_000;
const WORKFLOWS_MAX = 20;
const OTHER_MERCHANTS = 3;
const QUICK_MS = 1_000;
/** Between two events of the others. */
const PAUSE_MS = 100;
/** Tried again that soon, the retries are as much trouble as they can be. */
const RETRY_MS = 2_000;
/** The dead endpoint is left alone with its retries for so long. */
const DEAD_MS = 10_000;
const ARRIVED_MS_MAX = 60_000;

let world: WebhookWorld;
let giveTurnBack: () => void;
beforeAll(async () => {
  giveTurnBack = await takeTurn();
  world = await createWebhookWorld();
}, TURN_MS_MAX);
beforeEach(() => world.reset());
afterEach(() => world.tidy());
afterAll(async () => {
  giveTurnBack();
  await world.close();
});

test('2,000 events to a dead endpoint start at most 20 workflows, other merchants’ deliveries stay under 1 s in the median, everything arrives after it comes back', async () => {
  let isDead = true;
  const dead = await world.endpoint((response, count) => (isDead ? deadly : answers.ok)(response, count));
  await world.startWorker({ delayMs: () => RETRY_MS });
  await world.startDispatcher();
  const times: number[] = [];
  let others = true;
  const deliveringToOthers = Promise.all(
    Array.from({ length: OTHER_MERCHANTS }, () => deliverToAnother(times, () => others)),
  );
  const events = await insertEvents(world.pool, world.merchant(), captured(EVENTS));
  await until('all are deliveries', async () => (await inOutbox()) === 0, ARRIVED_MS_MAX);
  await sleep(DEAD_MS);
  others = false;
  await deliveringToOthers;
  expect(await retryWorkflows()).toBe(await countDeliveries(dead.id, 'retrying'));
  expect(await retryWorkflows()).toBeLessThanOrEqual(WORKFLOWS_MAX);
  expect(median(times)).toBeLessThan(QUICK_MS);

  const seenDead = dead.receiver.received.length;
  isDead = false;
  await until(
    'all are delivered',
    async () => (await countDeliveries(dead.id, 'delivered')) === EVENTS,
    ARRIVED_MS_MAX,
  );
  const arrived = dead.receiver.received.slice(seenDead).map(({ headers }) => headers['x-payflow-event-id']);
  expect(new Set(arrived)).toEqual(new Set(events.map(({ id }) => id)));
  expect(await retryWorkflows()).toBeLessThanOrEqual(WORKFLOWS_MAX);
}, 180_000);

/** Half of the time it hangs until we give up, half of the time it hangs up. */
const deadly: Behaviour = (response, count) => (count % 2 === 0 ? answers.silent : answers.reset)(response);

/** One event after another, each timed from its commit to its arrival. */
async function deliverToAnother(times: number[], isOpen: () => boolean): Promise<void> {
  const receiver = await world.receiver(answers.ok);
  const merchant = await insertMerchant(world.pool);
  await insertTestEndpoint(world.pool, merchant, { url: receiver.url });
  for (let sent = 1; isOpen(); sent += 1) {
    await insertEvents(world.pool, merchant, captured(1));
    const committedAt = Date.now();
    await until('it arrives', () => Promise.resolve(receiver.received.length >= sent));
    times.push(receiver.received.at(-1)!.at - committedAt);
    await sleep(PAUSE_MS);
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

/** As Temporal counts them, for this test's queue. */
async function retryWorkflows(): Promise<number> {
  const { count } = await world.client.workflow.count(
    `WorkflowType = 'deliverWebhook' and TaskQueue = '${world.queue()}'`,
  );
  return count;
}

async function countDeliveries(endpointId: string, status: string): Promise<number> {
  const { rows } = await world.pool.query<{ n: number }>(
    'select count(*) as n from deliveries where endpoint_id = $1 and status = $2',
    [endpointId, status],
  );
  return rows[0]!.n;
}

async function inOutbox(): Promise<number> {
  const { rows } = await world.pool.query<{ n: number }>('select count(*) as n from outbox');
  return rows[0]!.n;
}

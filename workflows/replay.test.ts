import { readdirSync, readFileSync } from 'node:fs';
import { DefaultLogger, Runtime, Worker, type WorkflowBundleWithSourceMap } from '@temporalio/worker';
import type { Batch, Recorded } from '../src/db/record.ts';
import { decide } from '../src/domain/decide.ts';
import { fold, type Order } from '../src/domain/order.ts';
import { bundleWorkflows } from '../src/local/workflow-bundle.ts';

/**
 * Every run that was ever recorded here replays with today's code: the same commands to the engine,
 * and for every batch the same decision from the same facts.
 */
const FOLDER = new URL('./histories/', import.meta.url);
const NAMES = readdirSync(FOLDER).map((file) => file.replace('.json', ''));
const MARKER = 'EVENT_TYPE_MARKER_RECORDED';

interface History {
  events: {
    eventType: string;
    markerRecordedEventAttributes?: {
      details: Record<string, { payloads: { data: string }[] }>;
    };
  }[];
}

function read(name: string): History {
  return JSON.parse(readFileSync(new URL(`${name}.json`, FOLDER), 'utf8')) as History;
}

Runtime.install({ logger: new DefaultLogger('ERROR') });

let workflowBundle: WorkflowBundleWithSourceMap;
beforeAll(async () => {
  workflowBundle = await bundleWorkflows(new URL('./index.ts', import.meta.url).pathname);
}, 60_000);

test('there is a history for every path', () => {
  expect(NAMES.length).toBeGreaterThanOrEqual(12);
});

test.each(NAMES)('%s replays with the same commands', async (name) => {
  await expect(Worker.runReplayHistory({ workflowBundle }, read(name))).resolves.toBeUndefined();
});

test('a history that the code would not make → refused', async () => {
  const altered = JSON.parse(
    JSON.stringify(read('unknown-resolved')).replaceAll('"name":"resolve"', '"name":"finishVoid"'),
  ) as History;
  await expect(Worker.runReplayHistory({ workflowBundle }, altered)).rejects.toThrow(
    /TMPRL1100|nondeterminism/i,
  );
});

/** Local activities leave their results in markers; `record` and `loadOrder` return what was written. */
function recordedBatches(name: string): Batch[] {
  const seen = new Map<number, Batch>();
  for (const event of read(name).events) {
    if (event.eventType !== MARKER) continue;
    const payload = event.markerRecordedEventAttributes?.details['result']?.payloads[0];
    if (payload === undefined) continue;
    const result = JSON.parse(Buffer.from(payload.data, 'base64').toString()) as Partial<Recorded>;
    for (const batch of result.batches ?? []) seen.set(batch.afterSeq, batch);
  }
  return [...seen.values()].toSorted((a, b) => a.afterSeq - b.afterSeq);
}

function created(name: string): Order {
  const payload = (
    read(name).events[0] as {
      workflowExecutionStartedEventAttributes?: { input: { payloads: { data: string }[] } };
    }
  ).workflowExecutionStartedEventAttributes?.input.payloads[0];
  const input = JSON.parse(Buffer.from(payload?.data ?? '', 'base64').toString()) as {
    orderRef: string;
    created: Batch['events'][number] | null;
  };
  const first = input.created === null ? recordedBatches(name)[0]?.events : [input.created];
  return fold(input.orderRef, first ?? []);
}

test.each(NAMES)('%s: every decision is made again from its facts', (name) => {
  let order = created(name);
  let decisions = 0;
  for (const batch of recordedBatches(name)) {
    if (batch.afterSeq < order.seq || batch.instruction.kind === 'create') continue;
    expect(decide(order, batch.instruction, batch.facts).events).toEqual(batch.events);
    order = fold(order.ref, batch.events, order);
    decisions += 1;
  }
  expect(decisions).toBeGreaterThan(0);
});

test('a decision that comes out differently → seen', () => {
  const [batch] = recordedBatches('paid');
  if (batch === undefined || batch.instruction.kind !== 'pay') throw new Error('no pay in the history');
  const signals = { ...batch.instruction.signals, attempts: 99 };
  const { events } = decide(created('paid'), { ...batch.instruction, signals }, batch.facts);
  expect(events).not.toEqual(batch.events);
});

import { randomUUID } from 'node:crypto';
import { join, resolve } from 'node:path';
import { type Client, WithStartWorkflowOperation } from '@temporalio/client';
import { startChild } from '../src/local/child.ts';
import { readFrom } from '../src/local/logs.ts';
import { until } from '../src/local/until.ts';
import type { Watched } from './cpu.ts';
import type { Ending } from './ending.ts';
import { engineCost } from './engine-cost.ts';
import type { Contender } from './rounds.ts';

export interface FloorOptions {
  readonly client: Client;
  /** Of the worker: where Temporal is. */
  readonly env: Readonly<Record<string, string>>;
  readonly folder: string;
  readonly ending: Ending;
}

export interface Floors {
  readonly bare: Contender;
  readonly usual: Contender;
  readonly watched: Watched;
}

const START_DELAY = '30 m';
const READY_MS_MAX = 60_000;
const STOP_MS_MAX = 8_000;

/** Both floors on the Temporal that PayFlow runs on, with a worker that is set up and started like PayFlow's. */
export async function startFloors({ client, env, folder, ending }: FloorOptions): Promise<Floors> {
  const taskQueue = `floor-${randomUUID()}`;
  const logFile = join(folder, 'floor-worker.log');
  const child = startChild({
    command: process.execPath,
    args: [resolve(import.meta.dirname, 'floor-worker.js'), taskQueue],
    env,
    logFile,
    stopSignal: 'SIGTERM',
  });
  ending.add(async () => void (await child.stop(STOP_MS_MAX)));
  const awaited = { name: 'floor worker', child, logFile, logFrom: 0, timeoutMs: READY_MS_MAX };
  await until(() => readFrom(logFile, 0).includes('floor worker ready'), awaited);
  return {
    bare: contender(client, { name: 'bare', workflow: 'bareOrder', taskQueue, startDelay: START_DELAY }),
    usual: contender(client, { name: 'usual', workflow: 'usualOrder', taskQueue }),
    watched: { name: 'floor worker', pid: child.pid },
  };
}

interface Shape {
  readonly name: string;
  readonly workflow: string;
  readonly taskQueue: string;
  readonly startDelay?: typeof START_DELAY;
}

function contender(client: Client, { name, workflow, taskQueue, startDelay }: Shape): Contender {
  let paid: string[] = [];
  return {
    name,
    async create() {
      const workflowId = `${workflow}-${randomUUID()}`;
      const delay = startDelay === undefined ? {} : { startDelay };
      await client.workflow.start(workflow, { workflowId, taskQueue, ...delay });
      return workflowId;
    },
    async pay(workflowId) {
      const startWorkflowOperation = new WithStartWorkflowOperation(workflow, {
        workflowId,
        taskQueue,
        workflowIdConflictPolicy: 'USE_EXISTING',
      });
      await client.workflow.executeUpdateWithStart('pay', { startWorkflowOperation });
      paid.push(workflowId);
    },
    async settled(atOnce) {
      // Those before them are closed; asking for all would be load of its own.
      const last = paid.slice(-atOnce);
      paid = [];
      await Promise.all(last.map((workflowId) => client.workflow.getHandle(workflowId).result()));
    },
    cost: (workflowId) => engineCost(client, workflowId),
  };
}

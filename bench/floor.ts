import { randomUUID } from 'node:crypto';
import { Client, Connection, WithStartWorkflowOperation } from '@temporalio/client';
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import type { Contender } from './rounds.ts';

export type FloorActivities = typeof activities;

const activities = {
  step: async (): Promise<void> => {},
};

const START_DELAY = '30 m';
const WORKFLOWS = new URL(
  `./floor-workflows.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`,
  import.meta.url,
).pathname;

export interface Floors {
  readonly bare: Contender;
  readonly usual: Contender;
  close(): Promise<void>;
}

/** Both floors on the Temporal that PayFlow runs on, with a worker that is set up like PayFlow's. */
export async function startFloors(address: string): Promise<Floors> {
  const logger = new DefaultLogger('ERROR');
  Runtime.install({ logger });
  const taskQueue = `floor-${randomUUID()}`;
  const native = await NativeConnection.connect({ address, grpcCompression: { codec: 'none' } });
  const worker = await Worker.create({
    connection: native,
    taskQueue,
    activities,
    workflowBundle: await bundleWorkflowCode({ workflowsPath: WORKFLOWS, logger }),
    maxCachedWorkflows: 300,
    maxConcurrentWorkflowTaskExecutions: 40,
    stickyQueueScheduleToStartTimeout: '2 s',
  });
  const running = worker.run();
  const connection = await Connection.connect({ address });
  const client = new Client({ connection });
  return {
    bare: contender(client, { name: 'bare', workflow: 'bareOrder', taskQueue, startDelay: START_DELAY }),
    usual: contender(client, { name: 'usual', workflow: 'usualOrder', taskQueue }),
    async close() {
      worker.shutdown();
      await running;
      await Promise.all([native.close(), connection.close()]);
    },
  };
}

interface Shape {
  readonly name: string;
  readonly workflow: string;
  readonly taskQueue: string;
  readonly startDelay?: string;
}

function contender(client: Client, { name, workflow, taskQueue, startDelay }: Shape): Contender {
  return {
    name,
    async create() {
      const workflowId = `${workflow}-${randomUUID()}`;
      const delay = startDelay === undefined ? {} : { startDelay: START_DELAY as '30 m' };
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
    },
    async cost(workflowId) {
      const { historyLength, raw } = await client.workflow.getHandle(workflowId).describe();
      const transitions = Number(raw.workflowExecutionInfo?.stateTransitionCount ?? 0);
      return { historyLength, transitions };
    },
  };
}

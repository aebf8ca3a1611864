import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { connectWorker, WORKER_TUNING } from '../src/composition.ts';
import { configOfThisProcess } from '../src/config.ts';
import { bundleWorkflows } from '../src/local/workflow-bundle.ts';

/**
 * The floors' worker, a process of its own as PayFlow's is: in the load generator's it would wait for
 * that one's requests. `node floor-worker.js <task queue>`
 */

export type FloorActivities = typeof activities;

const activities = {
  step: async (): Promise<void> => {},
};

const config = configOfThisProcess();
Runtime.install({ shutdownSignals: [], logger: new DefaultLogger('ERROR') });
const connection = await connectWorker(config);
const worker = await Worker.create({
  connection,
  namespace: config.temporal.namespace,
  taskQueue: process.argv[2]!,
  activities,
  workflowBundle: await bundleWorkflows(new URL('./floor-workflows.js', import.meta.url).pathname),
  ...WORKER_TUNING,
});
process.on('SIGTERM', () => worker.shutdown());
const running = worker.run();
process.stdout.write('floor worker ready\n');
await running;
await connection.close();
process.exit(0);

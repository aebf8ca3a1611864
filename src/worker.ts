import { DefaultLogger, Runtime } from '@temporalio/worker';
import { composeWorker, createLogger } from './composition.ts';
import { configOfThisProcess } from './config.ts';

/** The worker: `node dist/src/worker.js`. SIGTERM hands over what it has in hand. */

const config = configOfThisProcess();
const log = createLogger(config, 'worker');
// Signals are handled here, once: webhooks are handed over before the engine's own grace time begins.
Runtime.install({ shutdownSignals: [], logger: new DefaultLogger('WARN') });

try {
  const worker = await composeWorker(config, log);
  process.on('SIGTERM', () => worker.stop());
  process.on('SIGINT', () => worker.stop());
  const running = worker.run();
  process.stdout.write('worker ready\n');
  await running;
  await worker.close();
  process.exit(0);
} catch (error) {
  process.stderr.write(`the worker cannot run: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}

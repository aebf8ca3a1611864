import { randomBytes } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime } from '@temporalio/worker';
import { addSearchAttributes } from '../local/search-attributes.ts';

const RETENTION_SECONDS = 86_400;

// Workers tell at length how they start and stop; in tests only what goes wrong matters.
Runtime.install({ logger: new DefaultLogger('ERROR') });

/** The run's own Temporal server, started by global-setup.ts. */
export function temporalAddress(): string {
  return required('PAYFLOW_TEST_TEMPORAL_ADDRESS');
}

/** For `Worker.create`: all workflows, bundled once per run. */
export function workflowBundle(): { codePath: string } {
  return { codePath: required('PAYFLOW_TEST_WORKFLOW_BUNDLE') };
}

export async function connectClient(namespace = 'default'): Promise<Client> {
  const connection = await Connection.connect({ address: temporalAddress() });
  return new Client({ connection, namespace, identity: 'test' });
}

/** For `Worker.create`; close it after the worker has ended. */
export function connectWorker(): Promise<NativeConnection> {
  return NativeConnection.connect({ address: temporalAddress() });
}

/** A namespace of its own, for tests with fixed workflow ids or whole processes; takes 20 ms. */
export async function createNamespace(): Promise<string> {
  const namespace = `n-${randomBytes(6).toString('hex')}`;
  const connection = await Connection.connect({ address: temporalAddress() });
  try {
    await connection.workflowService.registerNamespace({
      namespace,
      // A number is taken for protobuf's 64-bit type; its declaration says Long.
      workflowExecutionRetentionPeriod: { seconds: RETENTION_SECONDS as never },
    });
    await addSearchAttributes(connection, namespace);
  } finally {
    await connection.close();
  }
  return namespace;
}

/** Test files share one server: each works on a task queue of its own. */
export function uniqueQueue(): string {
  return `q-${randomBytes(6).toString('hex')}`;
}

/** What global-setup.ts has left for the tests of its run. */
export function required(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`no ${name}: is this file one of the "services" tests?`);
  return value;
}

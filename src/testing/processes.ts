import { randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import type { Child } from '../local/child.ts';
import { readFrom } from '../local/logs.ts';
import {
  type Addresses,
  bankEnvironment,
  gatewayEnvironment,
  gatewayServices,
} from '../local/node-services.ts';
import { freePort } from '../local/ports.ts';
import type { Service } from '../local/supervisor.ts';
import { builtProgram } from './build.ts';
import { createDatabase, createEmptyDatabase, type TestDatabase } from './database.ts';
import { createNamespace, required, temporalAddress } from './temporal.ts';

export type ProcessName = 'bank' | 'api' | 'worker';

export interface StackOptions {
  /** More settings for the API and the worker. */
  readonly env?: Readonly<Record<string, string>>;
  /** In place of a database on the Postgres that all tests share. */
  readonly databaseUrl?: string;
  /** In place of a namespace on the Temporal that all tests share. */
  readonly temporal?: { readonly address: string; readonly namespace: string };
}

/** Bank, API and worker as real processes, with databases and a Temporal namespace of their own. */
export interface TestStack {
  readonly urls: Readonly<Record<'api' | 'bank', string>>;
  readonly databaseUrl: string;
  readonly bankDatabaseUrl: string;
  readonly namespace: string;
  readonly bankKeys: { readonly apiKey: string; readonly callbackSecret: string };
  pids(): Readonly<Partial<Record<ProcessName, number>>>;
  /** All that the process has printed so far. */
  output(name: ProcessName): string;
  /** Ends one without asking, or with the signal given; resolves when it is gone. */
  kill(name: ProcessName, signal?: NodeJS.Signals): Promise<void>;
  /** Starts one again that was killed (or kills it first); resolves when it is ready. */
  restart(name: ProcessName): Promise<void>;
  stop(): Promise<void>;
}

const STOP_MS = 8_000;
const START_TRIES_MAX = 3;
const PORT_TAKEN = 'EADDRINUSE';

export async function startStack(options: StackOptions = {}): Promise<TestStack> {
  const testFolder = required('PAYFLOW_TEST_FOLDER');
  const build = await builtProgram(testFolder);
  const [database, bankDatabase, temporal] = await Promise.all([
    options.databaseUrl === undefined ? createDatabase() : { url: options.databaseUrl, drop: keep },
    createEmptyDatabase(),
    options.temporal ?? createNamespace().then((namespace) => ({ address: temporalAddress(), namespace })),
  ]);
  for (let attempt = 1; ; attempt++) {
    const apiPort = await freePort();
    const stack = assemble({
      at: {
        build,
        databaseUrl: database.url,
        bankDatabaseUrl: bankDatabase.url,
        temporalAddress: temporal.address,
        apiPort,
        bankPort: await freePort(new Set([apiPort])),
      },
      namespace: temporal.namespace,
      databases: [database, bankDatabase],
      folder: mkdtempSync(join(testFolder, 'stack-')),
      env: options.env ?? {},
    });
    try {
      await Promise.all([stack.restart('bank'), stack.restart('api'), stack.restart('worker')]);
      return stack;
    } catch (error) {
      // Another run of the tests can take a free port before we listen on it.
      const taken = (['bank', 'api'] as const).some((name) => stack.output(name).includes(PORT_TAKEN));
      await (taken && attempt < START_TRIES_MAX ? stack.endProcesses() : stack.stop());
      if (!taken || attempt === START_TRIES_MAX) throw error;
    }
  }
}

/** Somebody else's to drop. */
const keep = () => Promise.resolve();

interface Parts {
  readonly at: Addresses;
  readonly namespace: string;
  readonly databases: readonly TestDatabase[];
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
}

function assemble({ at, namespace, databases, folder, env }: Parts) {
  const secret = () => randomBytes(24).toString('hex');
  const bankKeys = { apiKey: secret(), callbackSecret: secret() };
  const urls = { api: `http://127.0.0.1:${at.apiPort}`, bank: `http://127.0.0.1:${at.bankPort}` };
  const logFile = (name: string) => join(folder, `${name}.log`);
  const system = { PATH: '/usr/bin:/bin', HOME: folder };
  const services: Record<ProcessName, Service> = gatewayServices({
    at,
    bankEnv: { ...system, ...bankEnvironment(at, bankKeys, urls.bank) },
    gatewayEnv: {
      ...system,
      ...gatewayEnvironment(at, bankKeys),
      TEMPORAL_NAMESPACE: namespace,
      PAYFLOW_API_URL: urls.api,
      FRONTEND_URL: urls.api,
      ...env,
    },
    logFile,
  });
  const children = new Map<ProcessName, Child>();

  const kill = async (name: ProcessName, signal: NodeJS.Signals = 'SIGKILL') => {
    const child = children.get(name);
    children.delete(name);
    child?.kill(signal);
    await child?.exited;
  };
  const endProcesses = async () => {
    for (const name of ['worker', 'api', 'bank'] as const) await children.get(name)?.stop(STOP_MS);
    children.clear();
  };
  return {
    urls,
    databaseUrl: at.databaseUrl,
    bankDatabaseUrl: at.bankDatabaseUrl,
    namespace,
    bankKeys,
    pids: () => Object.fromEntries([...children].map(([name, { pid }]) => [name, pid])),
    output: (name: ProcessName) => readFrom(logFile(name), 0),
    kill,
    async restart(name: ProcessName) {
      await kill(name);
      const { child, ready } = services[name].start();
      children.set(name, child);
      await ready;
    },
    endProcesses,
    async stop() {
      await endProcesses();
      for (const database of databases) await database.drop();
    },
  };
}

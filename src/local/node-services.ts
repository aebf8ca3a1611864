import { join } from 'node:path';
import { startChild, type Started } from './child.ts';
import { logSize, readFrom, rotateLog } from './logs.ts';
import type { Service } from './supervisor.ts';
import { until } from './until.ts';

export interface NodeServiceOptions {
  readonly name: string;
  /** The built entry point. */
  readonly script: string;
  readonly env: Readonly<Record<string, string>>;
  readonly logFile: string;
  /** Given what it has printed since this start. */
  readonly isReady: (output: () => string) => boolean | Promise<boolean>;
}

/** What the processes have to know of each other. */
export interface Addresses {
  /** `dist`. */
  readonly build: string;
  readonly databaseUrl: string;
  readonly bankDatabaseUrl: string;
  readonly temporalAddress: string;
  readonly apiPort: number;
  readonly bankPort: number;
}

/** Shared by the bank and us. */
export interface Keys {
  readonly apiKey: string;
  readonly callbackSecret: string;
}

const READY_MS_MAX = 60_000;
const READY_REQUEST_MS_MAX = 2_000;

/** One of our own Node processes. */
export function nodeService(options: NodeServiceOptions): Service {
  const { name, script, env, logFile } = options;
  return {
    name,
    start(): Started {
      rotateLog(logFile);
      const logFrom = logSize(logFile);
      const child = startChild({
        command: process.execPath,
        args: [script],
        env,
        logFile,
        stopSignal: 'SIGTERM',
      });
      const check = () => options.isReady(() => readFrom(logFile, logFrom));
      const ready = until(check, { name, child, logFile, logFrom, timeoutMs: READY_MS_MAX });
      // Whoever stops it before it is ready does not wait for this any more.
      ready.catch(() => {});
      return { child, ready };
    },
  };
}

export function bankEnvironment(at: Addresses, keys: Keys, publicUrl: string): Record<string, string> {
  return {
    BANK_DATABASE_URL: at.bankDatabaseUrl,
    BANK_PORT: String(at.bankPort),
    BANK_API_KEY: keys.apiKey,
    BANK_PUBLIC_URL: publicUrl,
    BANK_CALLBACK_URL: `http://127.0.0.1:${at.apiPort}/callbacks/simulator`,
    BANK_CALLBACK_SECRET: keys.callbackSecret,
  };
}

/** Of the API and the worker alike. */
export function gatewayEnvironment(at: Addresses, keys: Keys): Record<string, string> {
  return {
    DATABASE_URL: at.databaseUrl,
    TEMPORAL_ADDRESS: at.temporalAddress,
    PORT: String(at.apiPort),
    PAYFLOW_BANK_URL: `http://127.0.0.1:${at.bankPort}`,
    PAYFLOW_BANK_API_KEY: keys.apiKey,
    PAYFLOW_BANK_CALLBACK_SECRET: keys.callbackSecret,
  };
}

export interface GatewayOptions {
  readonly at: Addresses;
  readonly bankEnv: Readonly<Record<string, string>>;
  readonly gatewayEnv: Readonly<Record<string, string>>;
  readonly logFile: (name: string) => string;
}

/** Bank, API and worker, each with its own idea of being ready. */
export function gatewayServices({ at, bankEnv, gatewayEnv, logFile }: GatewayOptions) {
  const script = (...parts: string[]) => join(at.build, 'src', ...parts);
  return {
    bank: nodeService({
      name: 'bank',
      script: script('bank', 'server.js'),
      env: bankEnv,
      logFile: logFile('bank'),
      isReady: (output) => output().includes('bank listening on'),
    }),
    api: nodeService({
      name: 'api',
      script: script('server.js'),
      env: gatewayEnv,
      logFile: logFile('api'),
      isReady: () => isOk(`http://127.0.0.1:${at.apiPort}/ready`),
    }),
    worker: nodeService({
      name: 'worker',
      script: script('worker.js'),
      env: gatewayEnv,
      logFile: logFile('worker'),
      isReady: (output) => output().includes('worker ready'),
    }),
  };
}

async function isOk(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(READY_REQUEST_MS_MAX) });
    await response.body?.cancel();
    return response.status === 200;
  } catch {
    return false;
  }
}

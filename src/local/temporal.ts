import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { Connection } from '@temporalio/client';
import { type Started, startChild } from './child.ts';
import { logSize } from './logs.ts';
import { answersOn } from './ports.ts';
import { SEARCH_ATTRIBUTES } from './search-attributes.ts';
import { type Awaited, until } from './until.ts';

export interface TemporalOptions {
  readonly program: string;
  readonly port: number;
  /** 0: without its web pages. */
  readonly uiPort: number;
  /** The file with all its data. */
  readonly database: string;
  readonly logFile: string;
}

const START_MS_MAX = 60_000;
const RETENTION_SECONDS = 30 * 86_400;

/**
 * Temporal's development server: one process with its data in one SQLite file. Ready means that its
 * namespace answers, keeps closed runs for 30 days and knows our search attributes.
 */
export function startTemporal(options: TemporalOptions): Started {
  const { port, logFile } = options;
  mkdirSync(dirname(options.database), { recursive: true, mode: 0o700 });
  const logFrom = logSize(logFile);
  const child = startChild({
    command: options.program,
    args: serverArguments(options),
    // It looks for a configuration file in the home folder; a development server needs none.
    env: { PATH: '/usr/bin:/bin', HOME: dirname(options.database) },
    cwd: dirname(options.database),
    logFile,
    stopSignal: 'SIGTERM',
  });
  const awaited = { name: 'Temporal', child, logFile, logFrom, timeoutMs: START_MS_MAX };
  return { child, ready: becomeReady(port, awaited) };
}

async function becomeReady(port: number, awaited: Awaited): Promise<void> {
  // Connecting in a loop would wait out gRPC's own back-off of a second: the port is asked instead.
  await until(() => answersOn(port), awaited);
  await setRetention(`127.0.0.1:${port}`);
  // Or it was another server that answered, and ours found the port taken and ended.
  await until(() => awaited.child.exit() === null, awaited);
}

function serverArguments({ port, uiPort, database }: TemporalOptions): string[] {
  const values = {
    ip: '127.0.0.1',
    port: String(port),
    'db-filename': database,
    'log-level': 'error',
    ...(uiPort === 0 ? {} : { 'ui-port': String(uiPort) }),
  };
  const pragmas = ['journal_mode=wal', 'synchronous=normal'];
  const attributes = Object.entries(SEARCH_ATTRIBUTES).map(([name, type]) => `${name}=${type}`);
  return [
    'server',
    'start-dev',
    uiPort === 0 ? '--headless' : '--ui-disable-news-fetch',
    ...Object.entries(values).flatMap(([name, value]) => [`--${name}`, value]),
    ...pragmas.flatMap((pragma) => ['--sqlite-pragma', pragma]),
    ...attributes.flatMap((attribute) => ['--search-attribute', attribute]),
  ];
}

/** There is no option for it, and without it a run is gone after a day. */
async function setRetention(address: string): Promise<void> {
  const connection = await Connection.connect({ address });
  try {
    await connection.withDeadline(Date.now() + START_MS_MAX, () =>
      connection.workflowService.updateNamespace({
        namespace: 'default',
        // A number is taken for protobuf's 64-bit type; its declaration says Long.
        config: { workflowExecutionRetentionTtl: { seconds: RETENTION_SECONDS as never } },
      }),
    );
  } finally {
    await connection.close();
  }
}

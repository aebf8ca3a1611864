import { setMaxListeners } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { pino } from 'pino';
import { createBankApp, describeError } from './app.ts';
import { decideDue } from './authorizations.ts';
import { createCallbackSender } from './callbacks.ts';
import { type BankSettings, TIMING } from './config.ts';
import { createPool } from './database.ts';
import type { BankDeps } from './deps.ts';
import { createFaults } from './faults.ts';
import { startLoop } from './loop.ts';
import { createSchema } from './schema.ts';

export interface Bank {
  readonly url: string;
  close(): Promise<void>;
}

const HOST = '127.0.0.1';
const DECIDE_EVERY_MS = 200;
const CALLBACKS_EVERY_MS = 100;
const DRAIN_MS = 1_000;
/** Longer than any caller keeps an idle line, so that it is never closed under a call just begun. */
const KEEP_ALIVE_MS = 65_000;

/** Creates what the database lacks, listens, and takes up what a stop or a crash has interrupted. */
export async function startBank(settings: BankSettings): Promise<Bank> {
  // stdout is for the one line that says where the bank listens.
  const logger = pino({ name: 'bank', level: 'warn' }, pino.destination({ dest: 2, sync: true }));
  const closing = new AbortController();
  // Every delayed call listens; there may be thousands.
  setMaxListeners(0, closing.signal);
  const onError = (error: unknown) => {
    if (!closing.signal.aborted)
      logger.error({ reason: describeError(error) }, 'work in the background failed');
  };
  const pool = createPool({ url: settings.databaseUrl, onError });
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS });
  try {
    await createSchema(pool);
    await listen(server, settings.port);
  } catch (error) {
    await pool.end();
    throw error;
  }
  const { port } = server.address() as AddressInfo;
  const faults = createFaults(closing.signal);
  const deps = createDeps(settings, { pool, port, faults });
  const answer = createBankApp(deps, logger).callback();
  server.on('request', (request, response) => void answer(request, response));
  const stopWork = startWork(deps, settings.callback, onError);
  const close = async () => {
    closing.abort();
    await Promise.all([stopListening(server), stopWork()]);
    await pool.end();
  };
  return { url: `http://${HOST}:${port}`, close };
}

function createDeps(
  settings: BankSettings,
  { pool, port, faults }: Pick<BankDeps, 'pool' | 'faults'> & { port: number },
): BankDeps {
  return {
    pool,
    faults,
    apiKey: settings.apiKey,
    publicUrl: settings.publicUrl ?? `http://localhost:${port}`,
    timing: { ...TIMING, ...settings.timing },
    wantsCallbacks: () => settings.callback !== null && faults.current().callbacks_off !== true,
  };
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, HOST, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function startWork(
  deps: BankDeps,
  target: BankSettings['callback'],
  onError: (error: unknown) => void,
): () => Promise<void> {
  const deciding = startLoop({
    everyMs: DECIDE_EVERY_MS,
    work: () => decideDue(deps.pool, deps.wantsCallbacks()),
    onError,
  });
  if (target === null) return () => deciding.stop();
  const { pool, faults, publicUrl, timing } = deps;
  const sender = createCallbackSender({ pool, faults, publicUrl, target, retryMs: timing.callbackRetryMs });
  const sending = startLoop({ everyMs: CALLBACKS_EVERY_MS, work: sender.sendDue, onError });
  return async () => {
    await Promise.all([deciding.stop(), sending.stop()]);
    await sender.close();
  };
}

/** Calls that are being answered get a moment to end. */
async function stopListening(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const impatience = new AbortController();
  const cut = pause(DRAIN_MS, undefined, { signal: impatience.signal }).then(
    () => server.closeAllConnections(),
    () => undefined,
  );
  await closed;
  impatience.abort();
  await cut;
}

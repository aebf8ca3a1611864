import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { KEY_CHANGES } from './merchants.ts';

/** What was told: a key that was revoked, or a merchant that was suspended or reinstated. */
export type KeyChange = { readonly keyId: string } | { readonly merchantId: string };

export interface KeyChangeHandlers {
  onChange(change: KeyChange): void;
  /** False: whatever is remembered may be outdated from now on, until true. */
  onListening(listening: boolean): void;
}

export interface KeyChangeListener {
  /** Settles once the first connection listens. */
  ready(): Promise<void>;
  close(): Promise<void>;
}

const RECONNECT_MS = 250;
/** How often we make sure that a silent connection is silent because nothing happened. */
const HEARTBEAT_MS = 5_000;
const HEARTBEAT_ANSWER_MS = 2_000;

/** Takes one connection of the pool for as long as it listens; close it before the pool. */
export function listenForKeyChanges(pool: pg.Pool, handlers: KeyChangeHandlers): KeyChangeListener {
  const closing = new AbortController();
  let settleReady = () => {};
  const ready = new Promise<void>((resolve) => (settleReady = resolve));
  const loop = (async () => {
    while (!closing.signal.aborted) {
      await listenOnce(pool, { handlers, closing: closing.signal, onReady: settleReady });
      await sleep(RECONNECT_MS, undefined, { signal: closing.signal }).catch(() => {});
    }
    settleReady();
  })();
  return {
    ready: () => ready,
    close: async () => {
      closing.abort();
      await loop;
    },
  };
}

interface Listening {
  readonly handlers: KeyChangeHandlers;
  readonly closing: AbortSignal;
  readonly onReady: () => void;
}

/** Returns when the connection is gone or we are closing; never throws. */
async function listenOnce(pool: pg.Pool, { handlers, closing, onReady }: Listening): Promise<void> {
  const client = await pool.connect().catch(() => null);
  if (client === null) return;
  const over = new AbortController();
  const end = () => over.abort();
  client.on('error', end);
  client.on('end', end);
  client.on('notification', ({ payload }) => {
    const change = parseChange(payload ?? '');
    if (change !== null) handlers.onChange(change);
  });
  closing.addEventListener('abort', end);
  try {
    await client.query(`listen ${KEY_CHANGES}`);
    handlers.onListening(true);
    onReady();
    await beat(client, AbortSignal.any([over.signal, closing]));
  } catch {
    // LISTEN or a heartbeat failed: the connection is as good as lost, the loop tries again.
  } finally {
    closing.removeEventListener('abort', end);
    handlers.onListening(false);
    client.release(true);
  }
}

/** Asks the server for a sign of life until the signal; throws when none comes. */
async function beat(client: pg.PoolClient, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await sleep(HEARTBEAT_MS, undefined, { signal }).catch(() => {});
    if (signal.aborted) return;
    const late = sleep(HEARTBEAT_ANSWER_MS, undefined, { ref: false }).then(() => {
      throw new Error('no answer to the heartbeat');
    });
    await Promise.race([client.query('select 1'), late]);
  }
}

function parseChange(payload: string): KeyChange | null {
  const [kind, name] = payload.split(':', 2);
  if (name === undefined) return null;
  if (kind === 'key') return { keyId: name };
  return kind === 'merchant' ? { merchantId: name } : null;
}

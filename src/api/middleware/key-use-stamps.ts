import type pg from 'pg';
import { stampLastUsed } from '../../db/api-keys.ts';

const WRITE_EVERY_MS = 1_000;

/** `last_used_at`, written for all keys together once a second instead of with every request. */
export function createUseStamps(pool: pg.Pool, clock: () => number) {
  let usedAt = new Map<string, number>();

  async function write(): Promise<void> {
    if (usedAt.size === 0) return;
    const batch = usedAt;
    usedAt = new Map();
    // Nobody's request depends on it: the next use stamps again.
    await stampLastUsed(pool, batch).catch(() => {});
  }

  const timer = setInterval(() => void write(), WRITE_EVERY_MS);
  timer.unref();
  return {
    add: (keyId: string) => void usedAt.set(keyId, clock()),
    async close(): Promise<void> {
      clearInterval(timer);
      await write();
    },
  };
}

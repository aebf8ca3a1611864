import { rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isFirst } from './build.ts';

const POLL_MS = 200;
/** Of `beforeAll`: whoever has the turn may need minutes. */
export const TURN_MS_MAX = 420_000;

/**
 * For tests that measure times, and for those that need the whole machine: one at a time in a run, else
 * the first would measure the second. Resolves with what gives the turn back.
 */
export async function takeTurn(): Promise<() => void> {
  const lock = join(process.env['PAYFLOW_TEST_FOLDER']!, 'turn');
  while (!isFirst(lock)) await sleep(POLL_MS);
  return () => rmdirSync(lock);
}

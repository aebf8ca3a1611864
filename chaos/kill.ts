import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { RunFile } from '../src/local/run-file.ts';
import type { Passage } from './steps.ts';

/** What is killed, each with -9. */
export const TARGETS = ['worker', 'bank', 'api', 'temporal', 'backend', 'postmaster'] as const;
export type Target = (typeof TARGETS)[number];

const GONE_MS_MAX = 5_000;
const POLL_MS = 5;

/**
 * Kills one process and waits until it is gone. A backend is one of those that serve whoever stands
 * at a step: Postgres answers the death of any of them by ending all others and recovering.
 */
export async function kill(run: RunFile, target: Target, standing: readonly Passage[]): Promise<void> {
  const pid = target === 'backend' ? await backendOf(run, standing) : pidOf(run, target);
  process.kill(pid, 'SIGKILL');
  for (const giveUpAt = Date.now() + GONE_MS_MAX; isThere(pid); await sleep(POLL_MS)) {
    if (Date.now() > giveUpAt) throw new Error(`${target} (pid ${pid}) survived kill -9`);
  }
}

function pidOf({ pids }: RunFile, target: Exclude<Target, 'backend'>): number {
  const name = target === 'postmaster' ? 'postgres' : target;
  const pid = pids[name];
  if (pid === undefined) throw new Error(`run.json knows no ${name}`);
  return pid;
}

/** That of a transaction under way, if anybody stands in one. */
async function backendOf(run: RunFile, standing: readonly Passage[]): Promise<number> {
  const inUse = standing.find(({ backend }) => backend !== null)?.backend;
  if (inUse != null) return inUse;
  const client = new pg.Client({ connectionString: run.database_url });
  await client.connect();
  const { rows } = await client.query<{ pid: number }>(
    'select pid from pg_stat_activity where application_name = $1 order by state_change desc limit 1',
    [`payflow-${standing[0]?.process ?? 'worker'}`],
  );
  await client.end();
  if (rows[0] === undefined) throw new Error('no connection to Postgres is open');
  return rows[0].pid;
}

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

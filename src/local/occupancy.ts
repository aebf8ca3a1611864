import { existsSync, linkSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { signalProcess } from './child.ts';
import type { Home } from './home.ts';
import { Refusal } from './refusal.ts';
import { processIdentity, workingFolder } from './process-table.ts';

/** Which run holds this home, and what it has started; kept for the run after a `kill -9`. */
interface Occupant {
  readonly supervisor: Recorded;
  readonly children: Readonly<Record<string, Recorded>>;
}

interface Recorded {
  readonly pid: number;
  readonly identity: string | null;
}

const FILE = 'occupant.json';
// The kernel asked them to end when their supervisor died: most are on their way.
const LEAVE_MS_MAX = 8_000;
const POLL_MS = 50;

/** Takes the home for this process. Returns what an earlier, killed run had started, or null. */
export function occupy(home: Home): Occupant['children'] | null {
  const me: Occupant = { supervisor: recorded(process.pid), children: {} };
  for (;;) {
    if (create(home, me)) return null;
    const holder = home.readJson<Occupant>(FILE);
    if (holder && isAlive(holder.supervisor)) {
      throw new Refusal(
        `PayFlow is already running in ${home.folder} (pid ${holder.supervisor.pid}). ` +
          'Stop it, or set PAYFLOW_HOME to another folder for a second copy.',
      );
    }
    if (holder) {
      home.writeJson(FILE, me);
      return holder.children;
    }
  }
}

/** So that a later run can find them; called whenever a pid changes. */
export function recordChildren(home: Home, pids: Readonly<Record<string, number>>): void {
  const children = Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, recorded(pid)]));
  home.writeJson(FILE, { supervisor: recorded(process.pid), children } satisfies Occupant);
}

export function leave(home: Home): void {
  home.remove(FILE);
}

/** Ends what is still running of an earlier run; returns the names. The first started goes last. */
export async function endLeftovers(children: Occupant['children'], data: string): Promise<string[]> {
  const found = Object.entries(children);
  const postmaster = postmasterOf(data);
  if (postmaster && !('postgres' in children)) found.unshift(['postgres', postmaster]);
  const alive = found.filter(([, child]) => isAlive(child)).toReversed();
  for (const [name, child] of alive) await end(child, name === 'postgres' ? 'SIGINT' : 'SIGTERM');
  return alive.map(([name, { pid }]) => `${name} (pid ${pid})`);
}

/** Atomic: of two that start at once one gets it, and nobody sees a half written file. */
function create(home: Home, me: Occupant): boolean {
  const draft = `${FILE}.draft.${process.pid}`;
  home.writeJson(draft, me);
  try {
    linkSync(home.path(draft), home.path(FILE));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(home.path(draft), { force: true });
  }
}

async function end(child: Recorded, signal: NodeJS.Signals) {
  signalProcess(child.pid, signal);
  // One that was halted takes no signal until it runs again.
  signalProcess(child.pid, 'SIGCONT');
  if (await gone(child)) return;
  signalProcess(-child.pid, 'SIGKILL');
  await gone(child);
}

async function gone(child: Recorded): Promise<boolean> {
  for (const giveUpAt = Date.now() + LEAVE_MS_MAX; isAlive(child); await sleep(POLL_MS)) {
    if (Date.now() > giveUpAt) return false;
  }
  return true;
}

/** The server that holds this data folder, if it really is one that runs there. */
function postmasterOf(data: string): Recorded | null {
  const file = join(data, 'postmaster.pid');
  if (!existsSync(file)) return null;
  const pid = Number(readFileSync(file, 'utf8').split('\n')[0]);
  return workingFolder(pid) === data ? recorded(pid) : null;
}

function recorded(pid: number): Recorded {
  return { pid, identity: processIdentity(pid) };
}

function isAlive({ pid, identity }: Recorded): boolean {
  return identity !== null && processIdentity(pid) === identity;
}

import { setTimeout as sleep } from 'node:timers/promises';
import { type Child, describeExit, type Exit, type Started } from './child.ts';

/** One process that has to run as long as we do. */
export interface Service {
  readonly name: string;
  start(): Started;
}

export interface SupervisorOptions {
  readonly say: (line: string) => void;
  /** A process has a new pid. */
  readonly onPids: (pids: Readonly<Record<string, number>>) => void;
}

export type Supervisor = ReturnType<typeof createSupervisor>;

interface Entry {
  readonly service: Service;
  child: Child | null;
  startedAt: number;
  delayMs: number;
}

const DELAY_MS_FIRST = 250;
const DELAY_MS_MAX = 15_000;
// One that ran for this long did not die of how it was started.
const HEALTHY_MS = 60_000;
const GRACE_MS_MAX = 8_000;
// All of them together: a person pressed Ctrl-C and waits.
const STOP_MS_MAX = 9_500;
// Kept for each one that is still to be stopped when an earlier one takes long.
const RESERVE_MS = 600;

/**
 * Starts processes, starts them again when they die, and ends them in reverse order. What the
 * processes are is not known here.
 */
export function createSupervisor(options: SupervisorOptions) {
  const entries: Entry[] = [];
  const stopping = new AbortController();
  const pids = () =>
    Object.fromEntries(entries.flatMap(({ service, child }) => (child ? [[service.name, child.pid]] : [])));

  function launch(entry: Entry): Started {
    const started = entry.service.start();
    entry.child = started.child;
    entry.startedAt = Date.now();
    try {
      options.onPids(pids());
    } catch (error) {
      // A full disk must not cost us the process that has just been started.
      options.say(`the pid of ${entry.service.name} could not be noted: ${(error as Error).message}`);
    }
    return started;
  }

  async function firstStart(entry: Entry) {
    const { child, ready } = launch(entry);
    try {
      await ready;
    } catch (error) {
      await child.stop(GRACE_MS_MAX);
      throw error;
    }
    void child.exited.then((exit) => revive(entry, exit));
  }

  async function revive(entry: Entry, exit: Exit): Promise<void> {
    if (stopping.signal.aborted) return;
    const { name } = entry.service;
    entry.delayMs = nextDelay(entry);
    options.say(`${name} ${describeExit(exit)}; starting it again in ${entry.delayMs / 1000} s`);
    await sleep(entry.delayMs, undefined, { signal: stopping.signal }).catch(() => {});
    if (stopping.signal.aborted) return;
    try {
      const { child, ready } = launch(entry);
      void child.exited.then((next) => revive(entry, next));
      // Not ended if it is not ready in time: it may only be waiting for one that is down itself.
      const said = ready.then(() => options.say(`${name} runs again (pid ${child.pid})`));
      said.catch(() => {});
    } catch (error) {
      await revive(entry, { code: null, signal: null, error: error as Error });
    }
  }

  return {
    pids,
    /** Starts them at once and waits until all are ready; they are watched from then on. */
    async start(...services: Service[]): Promise<void> {
      const added = services.map((service) => ({ service, child: null, startedAt: 0, delayMs: 0 }));
      entries.push(...added);
      const results = await Promise.allSettled(added.map(firstStart));
      const failed = results.find((result) => result.status === 'rejected');
      if (failed) throw failed.reason;
    },
    /** Ends all, the last started first, each one gone before the next is asked. */
    async stop(): Promise<void> {
      stopping.abort();
      await endInOrder(entries);
    },
    /** Ends all at once, without asking. Postgres and Temporal recover from this at their next start. */
    async kill(): Promise<void> {
      stopping.abort();
      await Promise.all(entries.flatMap(({ child }) => (child ? [child.stop(0)] : [])));
    },
  };
}

async function endInOrder(entries: readonly Entry[]): Promise<void> {
  const deadline = Date.now() + STOP_MS_MAX;
  for (const [index, { child }] of [...entries.entries()].toReversed()) {
    const left = Math.max(0, deadline - Date.now() - index * RESERVE_MS);
    await child?.stop(Math.min(GRACE_MS_MAX, left));
  }
}

function nextDelay({ startedAt, delayMs }: Entry): number {
  if (delayMs === 0 || Date.now() - startedAt > HEALTHY_MS) return DELAY_MS_FIRST;
  return Math.min(delayMs * 2, DELAY_MS_MAX);
}

import { setTimeout as sleep } from 'node:timers/promises';
import type { RunFile } from '../src/local/run-file.ts';
import { kill, TARGETS, type Target } from './kill.ts';

export interface Kills {
  readonly done: number;
  readonly byTarget: Readonly<Record<Target, number>>;
  /** Targets that were not there to be killed: still dead from before. */
  readonly missed: number;
  /** Epoch ms. */
  readonly lastAt: number;
}

/** Kills one process after the other, each as often as the others, in a new order every time. */
export function killAgainAndAgain(
  run: () => RunFile,
  { seconds, everySeconds }: { seconds: number; everySeconds: number },
): { count(): number; readonly ended: Promise<Kills> } {
  const byTarget = Object.fromEntries(TARGETS.map((target) => [target, 0])) as Record<Target, number>;
  let done = 0;
  let missed = 0;
  let lastAt = Date.now();
  const killAll = async () => {
    for (const stopAt = Date.now() + seconds * 1_000; Date.now() < stopAt;) {
      for (const target of shuffled(TARGETS)) {
        await sleep(everySeconds * 1_000);
        if (Date.now() > stopAt) break;
        try {
          await kill(run(), target, []);
          byTarget[target] += 1;
          done += 1;
        } catch {
          // It has not come back yet from an earlier kill; the count says how often.
          missed += 1;
        }
        lastAt = Date.now();
      }
    }
    return { done, byTarget, missed, lastAt };
  };
  return { count: () => done, ended: killAll() };
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, place: Math.random() }))
    .toSorted((a, b) => a.place - b.place)
    .map(({ item }) => item);
}

import { setTimeout as sleep } from 'node:timers/promises';
import { type Child, describeExit } from './child.ts';
import { readFrom } from './logs.ts';

export interface Awaited {
  readonly name: string;
  readonly child: Child;
  readonly logFile: string;
  /** Where this start's output begins in the log. */
  readonly logFrom: number;
  readonly timeoutMs: number;
}

const POLL_MS = 10;
const TAIL_CHARACTERS = 2_000;

/** Resolves once `check` says true; rejects, with the end of its log, if the program ends before that. */
export async function until(check: () => boolean | Promise<boolean>, what: Awaited): Promise<void> {
  const giveUpAt = Date.now() + what.timeoutMs;
  while (!(await check())) {
    const exit = what.child.exit();
    if (exit) throw new Error(`${what.name} ${describeExit(exit)}.\n${tail(what)}`);
    if (Date.now() > giveUpAt) {
      throw new Error(`${what.name} is not ready after ${what.timeoutMs / 1000} s.\n${tail(what)}`);
    }
    await sleep(POLL_MS);
  }
}

function tail({ logFile, logFrom }: Awaited): string {
  const text = readFrom(logFile, logFrom).trim().slice(-TAIL_CHARACTERS);
  return `The end of ${logFile}:\n${text.replace(/^/gm, '  ')}`;
}

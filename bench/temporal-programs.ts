import { mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describeExit, startChild } from '../src/local/child.ts';
import { readFrom } from '../src/local/logs.ts';
import { findProgram, isExecutable } from '../src/local/programs.ts';
import { Refusal } from '../src/local/refusal.ts';
import type { Steps } from '../src/local/steps.ts';
import type { Ending } from './ending.ts';

/** Temporal's server for Postgres and the tool that makes its tables. */
export interface TemporalPrograms {
  readonly server: string;
  readonly sql: string;
}

export interface ProgramSearch {
  /** PayFlow's data folder; what was built is kept in its `bin`. */
  readonly home: string;
  /** Of the person who starts us: PATH, and Go's own settings (proxy, caches). */
  readonly env: Readonly<Record<string, string>>;
}

const VERSION = 'v1.31.2';
const PACKAGES = ['server', 'tools/sql'].map((path) => `go.temporal.io/server/cmd/${path}@${VERSION}`);
const BUILD_MS_MAX = 30 * 60_000;
const STOP_MS_MAX = 3_000;

/** What an earlier bench built, or null. */
export function keptPrograms({ home }: ProgramSearch): TemporalPrograms | null {
  const folder = folderOf(home);
  const programs = { server: join(folder, 'server'), sql: join(folder, 'sql') };
  return isExecutable(programs.server) && isExecutable(programs.sql) ? programs : null;
}

export function findGo({ env }: ProgramSearch): string | null {
  return findProgram('go', env['PATH']);
}

/**
 * Kept, or built from the Go module proxy, whose checksums Go compares with its public log. There is
 * no download of a server with Postgres persistence but container images.
 */
export async function temporalPrograms(
  search: ProgramSearch,
  { steps, ending }: { steps: Steps; ending: Ending },
): Promise<TemporalPrograms> {
  const kept = keptPrograms(search);
  if (kept !== null) return kept;
  const go = findGo(search);
  if (go === null) {
    throw new Refusal(
      'There is no `go` on the PATH to build a Temporal server for Postgres with. Install Go 1.26 or newer, ' +
        'set TEMPORAL_ADDRESS to a server of yours, or say `--engine local`.',
    );
  }
  await steps.step(`Building Temporal ${VERSION} with go`, async (note) => {
    note('4 to 11 minutes the first time, then kept');
    await build(go, search, ending);
  });
  const built = keptPrograms(search);
  if (built === null) throw new Error(`go built no server in ${folderOf(search.home)}`);
  return built;
}

function folderOf(home: string): string {
  return join(home, 'bin', `temporal-server-${VERSION}`);
}

/** In a folder of its own and then renamed: a build that is interrupted leaves nothing that looks complete. */
async function build(go: string, { home, env }: ProgramSearch, ending: Ending): Promise<void> {
  const target = folderOf(home);
  mkdirSync(dirname(target), { recursive: true });
  const draft = mkdtempSync(`${target}.`);
  const logFile = join(draft, 'go.log');
  const child = startChild({
    command: go,
    args: ['install', ...PACKAGES],
    // Go leaves its working folder behind when it is interrupted: it goes with the draft.
    env: { ...env, GOBIN: draft, GOTMPDIR: draft },
    logFile,
    stopSignal: 'SIGINT',
  });
  const cleanUp = async () => {
    await child.stop(STOP_MS_MAX);
    rmSync(draft, { recursive: true, force: true, maxRetries: 3 });
  };
  ending.add(cleanUp);
  const timer = setTimeout(() => child.kill('SIGKILL'), BUILD_MS_MAX);
  const exit = await child.exited;
  clearTimeout(timer);
  if (exit.code !== 0) {
    throw new Error(`go install ${describeExit(exit)}:\n${readFrom(logFile, 0).trim()}`);
  }
  rmSync(target, { recursive: true, force: true });
  renameSync(draft, target);
}

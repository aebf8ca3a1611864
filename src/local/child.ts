import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { findProgram } from './programs.ts';

/** A system account that a child runs as, when we are root and it must not be. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

export interface ChildOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** The child's whole environment; nothing of ours is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string | undefined;
  readonly account?: Account | undefined;
  /** Output is appended here; without it, it is dropped. */
  readonly logFile?: string | undefined;
  /** How the program is asked to end, by us or, on Linux, by the kernel if we die ourselves. */
  readonly stopSignal: NodeJS.Signals;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Set when the program could not be started at all. */
  readonly error?: Error;
}

export interface Child {
  readonly pid: number;
  readonly exited: Promise<Exit>;
  /** Null while it runs. */
  exit(): Exit | null;
  /** Asks it to end; after `graceMs` its whole process group is killed. Resolves when it is gone. */
  stop(graceMs: number): Promise<Exit>;
  kill(signal: NodeJS.Signals): void;
}

/** A program on its way. `ready` rejects if it ends first or takes too long; it then still has to be stopped. */
export interface Started {
  readonly child: Child;
  readonly ready: Promise<void>;
}

const PDEATHSIG_PATH = '/usr/bin:/bin:/usr/sbin:/sbin';

/**
 * Starts a program in a process group of its own, so that a Ctrl-C in the terminal reaches only us
 * and we end the children in our order.
 */
export function startChild(options: ChildOptions): Child {
  const [command, args] = boundToOurLife(options);
  const output = options.logFile === undefined ? 'ignore' : openLog(options.logFile);
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: options.env,
    detached: true,
    stdio: ['ignore', output, output],
    ...(options.account ? { uid: options.account.uid, gid: options.account.gid } : {}),
  });
  if (typeof output === 'number') closeSync(output);
  let exit: Exit | null = null;
  const exited = new Promise<Exit>((resolve) => {
    child.once('error', (error) => resolve((exit ??= { code: null, signal: null, error })));
    child.once('exit', (code, signal) => resolve((exit ??= { code, signal })));
  });
  const pid = child.pid ?? 0;
  const kill = (signal: NodeJS.Signals) => {
    if (exit === null) signalProcess(pid, signal);
  };
  return {
    pid,
    exited,
    exit: () => exit,
    kill,
    async stop(graceMs) {
      kill(options.stopSignal);
      const timer = setTimeout(() => {
        // The group first: a program that ignores its signal may have children of its own.
        if (exit === null) signalProcess(-pid, 'SIGKILL');
        kill('SIGKILL');
      }, graceMs);
      const result = await exited;
      clearTimeout(timer);
      return result;
    },
  };
}

/** Sends a signal; false when there is no such process (or it is not ours). */
export function signalProcess(pid: number, signal: NodeJS.Signals | 0): boolean {
  // 0 and 1 would mean our own group and init: a pid that was never set must not reach them.
  if (Math.abs(pid) <= 1) return false;
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

export function describeExit(exit: Exit): string {
  if (exit.error) return `could not be started: ${exit.error.message}`;
  return exit.signal === null ? `ended with code ${exit.code}` : `was ended by ${exit.signal}`;
}

/**
 * On Linux the kernel ends the child when we die, whatever killed us. Elsewhere there is no such
 * promise: the next start finds what was left (leftovers.ts).
 */
function boundToOurLife(options: ChildOptions): [string, readonly string[]] {
  const setpriv = process.platform === 'linux' ? findProgram('setpriv', PDEATHSIG_PATH) : null;
  if (setpriv === null) return [options.command, options.args];
  const signal = options.stopSignal.replace(/^SIG/, '');
  return [setpriv, ['--pdeathsig', signal, '--', options.command, ...options.args]];
}

function openLog(file: string): number {
  mkdirSync(dirname(file), { recursive: true });
  return openSync(file, 'a', 0o600);
}

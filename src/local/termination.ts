import type { EventEmitter } from 'node:events';

export interface Termination {
  /** The first request: end in order. */
  readonly stop: () => void;
  /** A further one: end at once. */
  readonly kill: () => void;
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
// npm passes a terminal's Ctrl-C on to us, who had it from the terminal already: one press, two signals.
const ONE_PRESS_MS = 1_000;
const PARENT_LOOK_MS = 500;

/** Calls `stop` at the first signal and `kill` at one that is not the same key press. */
export function onTermination(source: EventEmitter, { stop, kill }: Termination): void {
  let first: number | null = null;
  const onSignal = () => {
    if (first === null) {
      first = Date.now();
      stop();
    } else if (Date.now() - first > ONE_PRESS_MS) kill();
  };
  for (const signal of SIGNALS) source.on(signal, onSignal);
}

/** npm killed with -9 sends nothing; we notice by having another parent. */
export function onParentDeath(stop: () => void): void {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    stop();
  }, PARENT_LOOK_MS);
  timer.unref();
}

import { setMaxListeners } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';

/** Does `work` again and again, `everyMs` after each end, until stopped. A failure is told and not the end. */
export function startLoop(options: {
  everyMs: number;
  work: (signal: AbortSignal) => Promise<void>;
  onError: (error: unknown) => void;
}): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const { signal } = stopping;
  // One piece of work may wait for many things at once; each takes its listener away again.
  setMaxListeners(0, signal);
  const run = async () => {
    while (!signal.aborted) {
      await options.work(signal).catch((error: unknown) => {
        if (!signal.aborted) options.onError(error);
      });
      await pause(options.everyMs, undefined, { signal }).catch(() => undefined);
    }
  };
  const running = run();
  return {
    stop: () => {
      stopping.abort();
      return running;
    },
  };
}

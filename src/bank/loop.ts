import { setTimeout as pause } from 'node:timers/promises';

/** Does `work` again and again, `everyMs` after each end, until stopped. A failure is told and not the end. */
export function startLoop(options: {
  everyMs: number;
  work: (signal: AbortSignal) => Promise<void>;
  onError: (error: unknown) => void;
}): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const { signal } = stopping;
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

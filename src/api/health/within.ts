import { setTimeout as sleep } from 'node:timers/promises';

/** What the work yields, or null if it fails or takes longer. Never rejects. */
export async function within<T>(
  ms: number,
  work: () => Promise<T>,
  onFailure: (message: string) => void = () => {},
): Promise<T | null> {
  const timer = new AbortController();
  const late = sleep(ms, null, { signal: timer.signal }).then(() => {
    throw new Error(`no answer within ${ms} ms`);
  });
  try {
    // Whatever throws must do so inside of the race, or nobody would catch the timer's rejection.
    return await Promise.race([late, (async () => work())()]);
  } catch (error) {
    onFailure(error instanceof Error ? error.message : String(error));
    return null;
  } finally {
    timer.abort();
  }
}

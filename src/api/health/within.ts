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
    return await Promise.race([work(), late]);
  } catch (error) {
    onFailure(error instanceof Error ? error.message : String(error));
    return null;
  } finally {
    timer.abort();
  }
}

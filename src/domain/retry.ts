/** When something is tried again. All delays in ms. */

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** An outcome that is unknown is asked about for a day like this, then hourly. */
export function askAgainMs(attempt: number, elapsedMs: number): number {
  if (elapsedMs > DAY) return HOUR;
  return Math.min(MINUTE, SECOND * 1.5 ** Math.min(attempt - 1, 20));
}

/** While the payer is on the bank's page: 3 s growing to 30 s. */
export function askPayerAgainMs(attempt: number): number {
  return Math.min(30 * SECOND, 3 * SECOND * 1.3 ** Math.min(attempt - 1, 20));
}

/** The delays between the tries of a delivery: 72 h in all. */
const DELIVERY_DELAYS = [
  5 * SECOND,
  30 * SECOND,
  2 * MINUTE,
  10 * MINUTE,
  30 * MINUTE,
  HOUR,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  15 * HOUR,
  19 * HOUR,
  19 * HOUR,
];
const JITTER = 0.2;
const RETRY_AFTER_MS_MAX = HOUR;

/**
 * The delay before the next try of a delivery, or null when there is none left. `failed` counts the
 * tries so far (1 = the first one failed), `random` is in [0, 1), `retryAfterMs` is what the receiver
 * asked for; it can lengthen a delay, up to an hour.
 */
export function deliveryDelayMs(failed: number, random: number, retryAfterMs = 0): number | null {
  const delay = DELIVERY_DELAYS[failed - 1];
  if (delay === undefined) return null;
  const jittered = Math.round(delay * (1 - JITTER + 2 * JITTER * random));
  return Math.max(jittered, Math.min(retryAfterMs, RETRY_AFTER_MS_MAX));
}

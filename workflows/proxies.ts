import { proxyActivities, proxyLocalActivities } from '@temporalio/workflow';
import type { BankActivities, RecordActivities } from '../activities/index.ts';

/** Every proxyActivities call of the order workflow, with the reason for its limits. */

/**
 * Bank steps inside the workflow task. One try: the activity waits for the bank's fast answer itself
 * (at most a second) and says `unknown` by then.
 */
export const fastBank = proxyLocalActivities<BankActivities>({
  startToCloseTimeout: '3 s',
  retry: { maximumAttempts: 1 },
});

/** The same steps where the fast lane is full: somebody waits for the answer, so not for long. */
export const slowBank = proxyActivities<BankActivities>({
  startToCloseTimeout: '12 s',
  scheduleToCloseTimeout: '25 s',
  retry: { initialInterval: '500 ms', maximumAttempts: 2 },
});

/** What is owed at the bank: until it is done. The activity says itself when it wants to be tried again. */
export const pursuit = proxyActivities<BankActivities>({
  startToCloseTimeout: '20 s',
  retry: { initialInterval: '1 s', backoffCoefficient: 1.5, maximumInterval: '1 m' },
});

/** The tables. Two local tries, then the same function as a regular activity for as long as it takes. */
export const fastTables = proxyLocalActivities<RecordActivities>({
  startToCloseTimeout: '2 s',
  scheduleToCloseTimeout: '2 s',
  retry: { initialInterval: '100 ms', maximumAttempts: 2 },
});
export const patientTables = proxyActivities<RecordActivities>({
  startToCloseTimeout: '15 s',
  retry: { initialInterval: '200 ms', backoffCoefficient: 2, maximumInterval: '5 s' },
});

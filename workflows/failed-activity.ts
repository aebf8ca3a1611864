import { TemporalFailure } from '@temporalio/workflow';

/**
 * Whether an activity has failed, or taken too long. Of a regular one the engine says so with an
 * ActivityFailure; what a local one threw arrives bare, and its time-out arrives wrapped while it is
 * live and bare when it is replayed. Both must take the same path.
 */
export function isFailedActivity(error: unknown): boolean {
  return error instanceof TemporalFailure;
}

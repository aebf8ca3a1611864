import { createBankActivities } from './bank.ts';
import { createRecordActivities } from './record.ts';

export type BankActivities = ReturnType<typeof createBankActivities>;
export type RecordActivities = ReturnType<typeof createRecordActivities>;

/** All activities of the queue `payflow`. */
export function createOrderActivities(
  deps: Parameters<typeof createBankActivities>[0],
): BankActivities & RecordActivities {
  return { ...createBankActivities(deps), ...createRecordActivities(deps) };
}

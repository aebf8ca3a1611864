import type pg from 'pg';
import { loadOrder, record, type Recorded, type RecordInput } from '../src/db/record.ts';

export function createRecordActivities({ pool }: { readonly pool: pg.Pool }) {
  return {
    record: (input: RecordInput): Promise<Recorded> => record(pool, input),
    loadOrder: (asked: { orderRef: string; afterSeq: number; commandId: string | null }): Promise<Recorded> =>
      loadOrder(pool, asked),
  };
}

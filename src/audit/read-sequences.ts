import type pg from 'pg';
import { inSnapshot } from './read-orders.ts';
import { compareSequence, compareSequenceEnd } from './compare-sequence.ts';
import type { Difference } from './difference.ts';

const MERCHANTS_PER_READ = 500;
const SEQUENCES_PER_READ = 5_000;

/** The numbers of every merchant, from the first to what its counter says at that moment. */
export async function* sequenceDifferences(client: pg.ClientBase): AsyncGenerator<Difference> {
  for (let after: string | null = null; ;) {
    const merchants = await nextMerchants(client, after);
    for (const { id, whole } of merchants) {
      if (!whole) yield* await ofMerchant(client, id);
    }
    after = merchants.at(-1)?.id ?? null;
    if (merchants.length < MERCHANTS_PER_READ) return;
  }
}

interface Merchant {
  readonly id: string;
  readonly whole: boolean;
}

/**
 * Numbers are unique: as many of them as the counter says, from 1 to there, leave no gap. Only where
 * that is not so are they read one by one.
 */
async function nextMerchants(client: pg.ClientBase, after: string | null): Promise<Merchant[]> {
  const { rows } = await client.query<Merchant>({
    name: 'audit_next_merchants',
    text: `select m.id, n.count = coalesce(s.last_sequence, 0)
          and (n.count = 0 or (n.first = 1 and n.last = n.count)) as whole
      from merchants m left join merchant_sequences s on s.merchant_id = m.id
      cross join lateral (
        select count(*), min(sequence) as first, max(sequence) as last from events e
        where e.merchant_id = m.id and e.sequence is not null
      ) n
      where $1::uuid is null or m.id > $1 order by m.id limit $2`,
    values: [after, MERCHANTS_PER_READ],
  });
  return rows;
}

function ofMerchant(client: pg.ClientBase, merchantId: string): Promise<Difference[]> {
  return inSnapshot(client, async () => {
    const { rows } = await client.query<{ last_sequence: number }>({
      name: 'audit_counter',
      text: 'select last_sequence from merchant_sequences where merchant_id = $1',
      values: [merchantId],
    });
    const counter = rows[0]?.last_sequence ?? 0;
    const differences: Difference[] = [];
    for (let last = 0; ;) {
      const found = await nextSequences(client, merchantId, last);
      differences.push(...compareSequence({ merchantId, after: last, found }));
      last = found.at(-1) ?? last;
      if (found.length < SEQUENCES_PER_READ) {
        return [...differences, ...compareSequenceEnd(merchantId, { counter, last })];
      }
    }
  });
}

async function nextSequences(client: pg.ClientBase, merchantId: string, after: number): Promise<number[]> {
  const { rows } = await client.query<{ sequence: number }>({
    name: 'audit_next_sequences',
    text: `select sequence from events
      where merchant_id = $1 and sequence > $2 order by sequence limit $3`,
    values: [merchantId, after, SEQUENCES_PER_READ],
  });
  return rows.map(({ sequence }) => sequence);
}

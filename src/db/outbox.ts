import type pg from 'pg';

/** `record` notifies it with every public event it writes; so does a resend. */
export const OUTBOX_CHANNEL = 'outbox';

/**
 * Turns up to `limit` outbox rows, the oldest first, into deliveries: one for each active endpoint of
 * the merchant that has a URL and subscribes to the event. Returns how many rows are done with.
 *
 * One statement: a crash leaves either the outbox row or its deliveries. A rival skips the rows that
 * we hold. `created_at` grows with the merchant's sequence by a microsecond a row, so that the order
 * of deliveries is the order in which merchants count.
 */
export async function createDeliveries(pool: pg.Pool, limit: number): Promise<number> {
  const { rows } = await pool.query<{ moved: number }>({
    name: 'create_deliveries',
    text: CREATE_DELIVERIES,
    values: [limit],
  });
  return rows[0]?.moved ?? 0;
}

const CREATE_DELIVERIES = `
with claimed as (
  select event_id, merchant_id from outbox
  order by created_at, event_id limit $1 for update skip locked
), gone as (
  delete from outbox o using claimed c where o.event_id = c.event_id
), made as (
  insert into deliveries (id, event_id, endpoint_id, merchant_id, target_url, status, created_at)
  select gen_random_uuid(), c.event_id, w.id, c.merchant_id, w.url, 'pending',
    now() + row_number() over (order by v.sequence, c.event_id) * interval '1 us'
  from claimed c
    join events v on v.id = c.event_id
    join webhook_endpoints w on w.merchant_id = c.merchant_id
      and w.is_active and w.url is not null and v.type = any (w.events)
  on conflict (event_id, endpoint_id) where not is_resend do nothing
)
select count(*)::int as moved from claimed
`;

export interface OutboxListener {
  close(): void;
}

/** Keeps one connection of the pool for itself until it is closed. */
export async function listenForOutbox(
  pool: pg.Pool,
  { onNotify, onLost }: { onNotify: () => void; onLost: (error: Error) => void },
): Promise<OutboxListener> {
  const client = await pool.connect();
  client.on('error', onLost);
  client.on('end', () => onLost(new Error('the connection that listens has ended')));
  client.on('notification', onNotify);
  try {
    await client.query(`listen ${OUTBOX_CHANNEL}`);
  } catch (error) {
    client.release(true);
    throw error;
  }
  // Not given back but ended: it would go on listening in the pool.
  return { close: () => client.release(true) };
}

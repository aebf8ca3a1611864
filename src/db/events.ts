import type pg from 'pg';
import type { EventPayload, PublicEventType } from '../domain/events.ts';

/** What a merchant is told, as its webhooks tell it. */
export interface PublicEvent {
  readonly id: string;
  readonly type: PublicEventType;
  /** ISO 8601 with milliseconds. */
  readonly at: string;
  readonly sequence: number;
  readonly payload: EventPayload;
}

/**
 * Ascending, from the first number beyond `after`. A number is taken under a lock that is held until
 * its event is committed: who has seen one number has been able to see all before it.
 */
export async function listPublicEvents(
  pool: pg.Pool,
  { merchantId, after, limit }: { merchantId: string; after: number; limit: number },
): Promise<PublicEvent[]> {
  const { rows } = await pool.query<PublicEvent>({
    name: 'list_public_events',
    text: `select id, type, at, sequence, payload from events
      where merchant_id = $1 and sequence > $2 order by sequence limit $3`,
    values: [merchantId, after, limit],
  });
  return rows;
}

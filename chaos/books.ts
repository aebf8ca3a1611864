import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { createJournalReader } from '../src/audit/bank-journal.ts';
import type { Reply } from '../src/domain/commands.ts';
import type { RunFile } from '../src/local/run-file.ts';

/** Where an order stands in our tables and at the bank. */
export interface Standing {
  /** Both, in one line that two orders share if the same has become of them. */
  readonly summary: string;
  /** No command is open, and nothing is owed to the bank or by it. */
  readonly isSettled: boolean;
  readonly atBank: AtBank;
  readonly commands: readonly { readonly key: string | null; readonly reply: Reply | null }[];
}

/** Movements and sums in minor units. */
export interface AtBank {
  readonly captures: number;
  readonly captured: number;
  readonly refunds: number;
  readonly refunded: number;
  readonly holds: number;
}

export interface Books {
  /** Throws while Postgres or the bank is away. */
  read(orderRefs: readonly string[]): Promise<ReadonlyMap<string, Standing>>;
  /** Public events that have not become webhooks. */
  outbox(): Promise<number>;
  /** All events that an endpoint subscribes to, and the sum of all ledger entries in minor units. */
  totals(): Promise<{ events: number; ledger: number }>;
}

interface Row {
  order_ref: string;
  tables: string;
  owed: boolean;
  commands: { key: string | null; reply: Reply | null }[];
}

const CONNECT_MS_MAX = 2_000;

export function openBooks(run: RunFile): Books {
  const query = async <T extends pg.QueryResultRow>(text: string, values: unknown[] = []) => {
    // A new connection each time: Postgres is among those that are killed.
    const client = new pg.Client({
      connectionString: run.database_url,
      connectionTimeoutMillis: CONNECT_MS_MAX,
    });
    client.on('error', () => {});
    try {
      await client.connect();
      return (await client.query<T>(text, values)).rows;
    } finally {
      await client.end().catch(() => {});
    }
  };
  const journal = followJournal(run);
  return {
    async read(orderRefs) {
      const rows = await query<Row>(STANDINGS, [orderRefs]);
      await journal.readOn();
      return new Map(rows.map((row) => [row.order_ref, standingOf(row, journal.of(row.order_ref))]));
    },
    outbox: async () => (await query<{ count: number }>('select count(*)::int from outbox'))[0]?.count ?? 0,
    totals: async () => (await query<{ events: number; ledger: number }>(TOTALS))[0]!,
  };
}

const STANDINGS = `
select o.order_ref,
  concat_ws(', ', 'order ' || o.status, 'paid ' || o.amount_paid, 'refunded ' || o.amount_refunded,
    (select string_agg('payment ' || p.phase, ', ' order by p.created_at, p.payment_ref)
      from payments p where p.order_ref = o.order_ref),
    (select string_agg('refund ' || r.status, ', ' order by r.created_at, r.refund_ref)
      from refunds r where r.order_ref = o.order_ref)) as tables,
  exists (select 1 from payments p where p.order_ref = o.order_ref and p.phase in
      ('submitted', 'awaiting_customer', 'unknown', 'abandoning', 'capturing', 'voiding'))
    or exists (select 1 from refunds r where r.order_ref = o.order_ref and r.status = 'pending') as owed,
  coalesce((select json_agg(json_build_object('key', c.idem_key, 'reply', c.reply) order by c.accepted_at)
    from commands c where c.order_ref = o.order_ref and c.kind <> 'create'), '[]') as commands
from orders o where o.order_ref = any($1)`;

const TOTALS = `
select (select count(*)::int from events e join webhook_endpoints w on w.merchant_id = e.merchant_id
    and e.type = any (w.events)) as events,
  (select coalesce(sum(amount), 0)::int from ledger_entries) as ledger`;

function standingOf({ tables, owed, commands }: Row, atBank: AtBank): Standing {
  const { captures, captured, refunds, refunded, holds } = atBank;
  const isOpen = commands.some(({ reply }) => reply === null);
  return {
    summary: `${tables}; bank: ${captures} captures of ${captured}, ${refunds} refunds of ${refunded}, holds ${holds}`,
    isSettled: !isOpen && !owed,
    atBank,
    commands,
  };
}

/** The bank's journal, read on from where it was read to. */
function followJournal({ home, urls }: RunFile) {
  const secrets = JSON.parse(readFileSync(join(home, 'secrets.json'), 'utf8')) as { bank_api_key: string };
  const read = createJournalReader({ url: urls.bank, apiKey: secrets.bank_api_key });
  const moves = new Map<string, { kind: string; amount: number }[]>();
  let last = 0;
  return {
    async readOn() {
      for await (const entries of read(last)) {
        for (const { id, order_ref: orderRef, kind, amount } of entries) {
          last = id;
          if (orderRef !== null) moves.set(orderRef, [...(moves.get(orderRef) ?? []), { kind, amount }]);
        }
      }
    },
    of(orderRef: string): AtBank {
      const mine = moves.get(orderRef) ?? [];
      const amounts = (kind: string) => mine.filter((move) => move.kind === kind).map(({ amount }) => amount);
      const captures = amounts('capture');
      const refunds = amounts('refund');
      return {
        captures: captures.length,
        captured: sum(captures),
        refunds: refunds.length,
        refunded: sum(refunds),
        holds: amounts('authorize').length - captures.length - amounts('void').length,
      };
    },
  };
}

function sum(amounts: readonly number[]): number {
  return amounts.reduce((total, amount) => total + amount, 0);
}

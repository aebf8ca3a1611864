import type { Pool } from 'pg';

/** Two banks starting on one database at once take turns. */
const SCHEMA_LOCK = 8_010;

const SCHEMA = `
create table if not exists card_tokens (
  token text primary key,
  fingerprint text not null,
  last4 text not null,
  network text not null,
  expires_at timestamptz not null,
  behaviour text not null,
  created_at timestamptz not null default now()
);
comment on table card_tokens is
  'The vault. The number itself is never kept: its keyed fingerprint, and which behaviour it stands for.';

create table if not exists operations (
  key text primary key,
  kind text not null check (kind in ('authorize', 'capture', 'void', 'refund', 'abandon')),
  request_hash text,
  state text not null check (state in
    ('undecided', 'waiting', 'pending', 'approved', 'declined', 'already_captured', 'abandoned')),
  reason text,
  reference text,
  authorization_reference text,
  order_ref text,
  amount bigint not null,
  currency text,
  method text,
  account text,
  amount_captured bigint,
  action_type text,
  action_expires_at timestamptz,
  page_token text,
  return_url text,
  decide_at timestamptz,
  created_at timestamptz not null default now()
);
comment on column operations.key is 'The caller''s. One row, one effect, for ever.';
comment on column operations.decide_at is
  'When the bank decides by itself: a late success, or the end of waiting for the payer.';
create unique index if not exists operations_page_token on operations (page_token)
  where page_token is not null;
create unique index if not exists operations_payer_reference on operations (reference)
  where page_token is not null;
create index if not exists operations_decide_at on operations (decide_at) where decide_at is not null;

create table if not exists authorizations (
  reference text primary key,
  account text not null,
  order_ref text not null,
  amount bigint not null check (amount > 0),
  currency text not null,
  state text not null check (state in ('held', 'captured', 'voided')),
  captured bigint not null default 0 check (captured between 0 and amount),
  refunded bigint not null default 0 check (refunded >= 0),
  refund_pending bigint not null default 0 check (refund_pending >= 0),
  created_at timestamptz not null default now(),
  check (refunded + refund_pending <= captured),
  check ((state = 'captured') = (captured > 0))
);

create table if not exists journal (
  id bigserial primary key,
  at timestamptz not null default now(),
  kind text not null check (kind in ('authorize', 'capture', 'void', 'refund', 'abandon')),
  key text not null unique,
  order_ref text,
  amount bigint not null,
  currency text
);
comment on table journal is 'Append-only: one row whenever money moved, or a key was closed for good.';

create table if not exists callbacks (
  number bigserial primary key,
  id text not null,
  key text not null,
  at timestamptz not null default now(),
  attempts int not null default 0,
  next_at timestamptz not null default now()
);
create index if not exists callbacks_next_at on callbacks (next_at);

create or replace function refuse_journal_change() returns trigger language plpgsql as $$
begin
  raise exception 'the journal is append-only';
end $$;
create or replace trigger journal_is_append_only before update or delete or truncate on journal
  for each statement execute function refuse_journal_change();

-- A view and not a balance column: a row that every capture updates would make all captures queue.
create or replace view accounts as
  select currency,
         coalesce(sum(amount) filter (where state = 'held'), 0)::bigint as held,
         sum(captured)::bigint as captured,
         sum(refunded)::bigint as refunded,
         sum(captured - refunded)::bigint as balance
  from authorizations group by currency;
`;

/** Safe to run at every start. */
export async function createSchema(pool: Pool): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    await client.query('select pg_advisory_xact_lock($1)', [SCHEMA_LOCK]);
    await client.query(SCHEMA);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    throw error;
  } finally {
    client.release();
  }
}

import type { Knex } from 'knex';

/** What merchants try their webhook endpoints with. No event happened: nothing of it is in `events`. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(SAMPLES);
}

export async function down(): Promise<void> {
  throw new Error('the log of samples is not thrown away: drop the database instead');
}

const SAMPLES = `
create table webhook_samples (
  id uuid primary key,
  endpoint_id uuid not null references webhook_endpoints,
  merchant_id uuid not null references merchants,
  event_type text not null,
  idem_key text,
  request_hash text not null,
  created_at timestamptz not null default now(),
  -- From here on, what came of it.
  finished_at timestamptz,
  target_url text,
  success boolean,
  response_status integer,
  response_body text,
  error text,
  duration_ms integer,
  check ((finished_at is null) = (success is null))
);
create unique index webhook_samples_by_key on webhook_samples (endpoint_id, idem_key) where idem_key is not null;
create index webhook_samples_of_merchant on webhook_samples (merchant_id, created_at);
`;

import type { Knex } from 'knex';

/**
 * The first schema. Source tables are written by the API, events by `record` only, read models by
 * `record` and by the creation of an order. Every column of a read model comes from an event: no
 * default, no now(), no sequence. Amounts are minor units.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(ACCOUNTS);
  await knex.raw(READ_MODELS);
  await knex.raw(EVENTS);
  await knex.raw(COMMANDS);
  await knex.raw(WEBHOOKS);
}

export async function down(): Promise<void> {
  throw new Error('the first migration is not taken back: drop the database instead');
}

const ACCOUNTS = `
create table users (
  id uuid primary key,
  name text not null,
  email text not null unique check (email = lower(email)),
  password_hash text not null,
  role text not null check (role in ('user', 'merchant', 'admin')),
  token_version integer not null default 1,
  created_at timestamptz not null default now()
);

create table merchants (
  id uuid primary key,
  user_id uuid not null unique references users,
  business_name text not null,
  business_email text not null unique check (business_email = lower(business_email)),
  website text,
  qr_token text not null unique,
  is_active boolean not null default true,
  is_verified boolean not null default false,
  -- Fraud rule -> action, where it is not 'flag'.
  fraud_actions jsonb not null default '{}',
  created_at timestamptz not null default now()
);

create table api_keys (
  id uuid primary key,
  merchant_id uuid not null references merchants,
  key_id text not null unique,
  secret_hash text not null,
  label text not null,
  scopes text[] not null default '{read,write,refund}',
  is_active boolean not null default true,
  expires_at timestamptz,
  last_used_at timestamptz,
  created_at timestamptz not null default now()
);
create index api_keys_of_merchant on api_keys (merchant_id, created_at);

create table webhook_endpoints (
  id uuid primary key,
  merchant_id uuid not null references merchants,
  -- The one that the merchant profile's webhook_url names; it exists, without a URL, from the start.
  is_primary boolean not null default false,
  url text,
  events text[] not null,
  is_active boolean not null default true,
  disabled_reason text,
  secret_version integer not null default 1,
  -- Until then the version before still signs.
  overlap_until timestamptz,
  created_at timestamptz not null default now(),
  check (is_primary or url is not null)
);
create unique index webhook_endpoints_one_primary on webhook_endpoints (merchant_id) where is_primary;
create index webhook_endpoints_of_merchant on webhook_endpoints (merchant_id, created_at);

-- POSTs that belong to no order keep their keys here.
create table idempotency_keys (
  scope text not null,
  key text not null,
  request_hash text not null,
  status integer,
  -- json, not jsonb: a replay is byte for byte what was answered.
  body json,
  created_at timestamptz not null default now(),
  primary key (scope, key)
);
`;

const READ_MODELS = `
create table orders (
  order_ref text primary key,
  id uuid not null unique,
  merchant_id uuid not null references merchants,
  amount bigint not null check (amount between 1 and 99999999999),
  currency text not null check (currency in ('INR', 'USD', 'EUR')),
  source text not null check (source in ('api', 'qr', 'legacy')),
  capture_mode text not null check (capture_mode in ('automatic', 'manual')),
  status text not null check (status in ('created', 'attempted', 'paid', 'expired')),
  attempts integer not null,
  amount_paid bigint not null,
  amount_refunded bigint not null,
  amount_reserved bigint not null,
  captured_payment_ref text,
  holding_payment_ref text,
  cancel_requested boolean not null,
  expires_at timestamptz not null,
  due_at timestamptz,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  last_seq integer not null,
  check (0 <= amount_refunded and amount_refunded <= amount_reserved
    and amount_reserved <= amount_paid and amount_paid <= amount),
  check ((captured_payment_ref is null) = (amount_paid = 0)),
  check (status <> 'paid' or captured_payment_ref is not null)
) with (fillfactor = 80);
create index orders_of_merchant on orders (merchant_id, created_at desc, order_ref desc);
create index orders_due on orders (due_at) where due_at is not null;

create table payments (
  id uuid primary key,
  payment_ref text not null unique,
  order_ref text not null references orders,
  order_id uuid not null,
  merchant_id uuid not null references merchants,
  command_id uuid not null unique,
  amount bigint not null check (amount > 0),
  currency text not null,
  method text not null check (method in ('upi', 'card', 'netbanking', 'wallet')),
  phase text not null,
  status text not null,
  amount_captured bigint not null,
  amount_refunded bigint not null,
  flags text[] not null,
  acquirer_reference text,
  error_reason text,
  next_action jsonb,
  created_at timestamptz not null,
  authorized_at timestamptz,
  captured_at timestamptz,
  failed_at timestamptz,
  capture_before timestamptz,
  check (0 <= amount_refunded and amount_refunded <= amount_captured and amount_captured <= amount),
  check ((phase in ('captured', 'refunded')) = (amount_captured > 0)),
  check ((phase in ('voided', 'failed')) = (error_reason is not null))
) with (fillfactor = 80);
create unique index payments_one_captured on payments (order_ref) where phase in ('captured', 'refunded');
create index payments_of_order on payments (order_ref, created_at);
create index payments_of_merchant on payments (merchant_id, created_at desc, payment_ref desc);

create table refunds (
  id uuid primary key,
  refund_ref text not null unique,
  payment_ref text not null references payments (payment_ref),
  payment_id uuid not null,
  order_ref text not null references orders,
  merchant_id uuid not null references merchants,
  amount bigint not null check (amount > 0),
  currency text not null,
  status text not null check (status in ('pending', 'processed', 'failed')),
  error_reason text,
  acquirer_reference text,
  created_at timestamptz not null,
  processed_at timestamptz,
  failed_at timestamptz
);
create index refunds_of_payment on refunds (payment_ref, created_at);

create table ledger_entries (
  order_ref text not null references orders,
  order_seq integer not null,
  line integer not null,
  merchant_id uuid not null references merchants,
  account text not null check (account in ('bank', 'merchant')),
  amount bigint not null check (amount <> 0),
  currency text not null,
  at timestamptz not null,
  primary key (order_ref, order_seq, line)
);

-- What the merchant and the payer wrote, kept out of events and of Temporal.
create table order_texts (
  order_ref text primary key references orders,
  receipt text,
  -- json, not jsonb: returned as it was sent.
  notes json
);
create table refund_texts (
  refund_ref text primary key,
  reason text,
  notes text
);
create table payers (
  payment_ref text primary key,
  order_ref text not null references orders,
  merchant_id uuid not null references merchants,
  amount bigint not null,
  email text,
  contact text,
  vpa text,
  bank_code text,
  wallet text,
  otp text,
  card_token text,
  card_fingerprint text,
  card_last4 text,
  card_network text,
  created_at timestamptz not null default clock_timestamp()
);
create index payers_of_order on payers (order_ref, created_at);
create index payers_of_merchant on payers (merchant_id, created_at);
create index payers_by_vpa on payers (merchant_id, vpa, created_at) where vpa is not null;
create index payers_by_card on payers (merchant_id, card_fingerprint, created_at) where card_fingerprint is not null;
create index payers_by_email on payers (merchant_id, email, created_at) where email is not null;
create index payers_by_contact on payers (merchant_id, contact, created_at) where contact is not null;
`;

const EVENTS = `
-- What one decision was made from: with it the decision can be made again and compared.
create table event_batches (
  order_ref text not null references orders,
  after_seq integer not null,
  command_id uuid,
  instruction jsonb not null,
  facts jsonb not null,
  run_id text not null,
  primary key (order_ref, after_seq)
);

create table events (
  id text primary key,
  order_ref text not null,
  order_seq integer not null,
  after_seq integer not null,
  merchant_id uuid not null references merchants,
  type text not null,
  data jsonb not null,
  at timestamptz not null,
  -- Public events only: what merchants are told, numbered without a gap per merchant.
  payload jsonb,
  sequence bigint,
  unique (order_ref, order_seq),
  foreign key (order_ref, after_seq) references event_batches,
  check ((payload is null) = (sequence is null))
);
create unique index events_of_merchant on events (merchant_id, sequence) where sequence is not null;

create table merchant_sequences (
  merchant_id uuid primary key references merchants,
  last_sequence bigint not null
) with (fillfactor = 50);
`;

const COMMANDS = `
create table commands (
  id uuid primary key,
  order_ref text not null references orders,
  merchant_id uuid not null references merchants,
  kind text not null check (kind in ('create', 'pay', 'capture', 'void', 'refund', 'decide_review', 'repair')),
  -- What Temporal is given: references only.
  args jsonb not null,
  idem_scope text not null,
  idem_key text,
  request_hash text not null,
  -- json, not jsonb: a replay is byte for byte what was answered.
  reply json,
  accepted_at timestamptz not null,
  replied_at timestamptz
) with (fillfactor = 80);
create unique index commands_by_key on commands (idem_scope, idem_key) where idem_key is not null;
create unique index commands_one_open_money on commands (order_ref)
  where reply is null and kind in ('pay', 'capture', 'void', 'refund');
create index commands_open on commands (accepted_at) where reply is null;
create index commands_of_order on commands (order_ref, accepted_at);

-- Leases of the sweep: no transaction spans a call.
create table sweep_leases (
  order_ref text primary key references orders,
  claimed_until timestamptz not null,
  tries integer not null
);

-- What banks told us by themselves; unique by the bank's id of the message.
create table bank_callbacks (
  connector text not null,
  event_id text not null,
  bank_key text not null,
  command_id uuid,
  received_at timestamptz not null default now(),
  -- Set once the order was woken, or needed no waking.
  handled_at timestamptz,
  primary key (connector, event_id)
);
create index bank_callbacks_open on bank_callbacks (received_at) where handled_at is null;
`;

const WEBHOOKS = `
-- One row per public event until its deliveries exist.
create table outbox (
  event_id text primary key references events,
  merchant_id uuid not null references merchants,
  created_at timestamptz not null
);
create index outbox_in_order on outbox (created_at, event_id);

-- One event to one endpoint. 'pending': the dispatcher's; 'retrying': its own workflow's.
create table deliveries (
  id uuid primary key,
  event_id text not null references events,
  endpoint_id uuid not null references webhook_endpoints,
  merchant_id uuid not null references merchants,
  target_url text not null,
  status text not null check (status in ('pending', 'retrying', 'delivered', 'failed')),
  attempts integer not null default 0,
  is_resend boolean not null default false,
  claimed_until timestamptz,
  next_attempt_at timestamptz,
  created_at timestamptz not null default now(),
  finished_at timestamptz
) with (fillfactor = 80);
create unique index deliveries_first on deliveries (event_id, endpoint_id) where not is_resend;
create index deliveries_pending on deliveries (endpoint_id, created_at, event_id) where status = 'pending';
create index deliveries_retrying on deliveries (endpoint_id, created_at) where status = 'retrying';

create table delivery_attempts (
  id uuid primary key,
  delivery_id uuid not null references deliveries,
  merchant_id uuid not null references merchants,
  attempt integer not null,
  event_id text not null,
  event_type text not null,
  target_url text not null,
  success boolean not null,
  response_status integer,
  response_body text,
  error text,
  duration_ms integer not null,
  next_attempt_at timestamptz,
  created_at timestamptz not null
);
create unique index delivery_attempts_once on delivery_attempts (delivery_id, attempt);
create index delivery_attempts_of_merchant on delivery_attempts (merchant_id, created_at desc, id desc);
`;

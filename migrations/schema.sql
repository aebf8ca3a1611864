-- The schema that the migrations make; a change of it is reviewed here. Rewritten by UPDATE_GOLDEN=1.

-- Tables

create table api_keys (
  id uuid not null,
  merchant_id uuid not null,
  key_id text not null,
  secret_hash text not null,
  label text not null,
  scopes text[] default '{read,write,refund}'::text[] not null,
  is_active boolean default true not null,
  expires_at timestamp with time zone,
  last_used_at timestamp with time zone,
  created_at timestamp with time zone default now() not null,
  successor_id uuid,
  constraint api_keys_pkey PRIMARY KEY (id),
  constraint api_keys_key_id_key UNIQUE (key_id)
);

create table bank_callbacks (
  connector text not null,
  event_id text not null,
  bank_key text not null,
  command_id uuid,
  received_at timestamp with time zone default now() not null,
  handled_at timestamp with time zone,
  constraint bank_callbacks_pkey PRIMARY KEY (connector, event_id)
);

create table commands (
  id uuid not null,
  order_ref text not null,
  merchant_id uuid not null,
  kind text not null,
  args jsonb not null,
  idem_scope text not null,
  idem_key text,
  request_hash text not null,
  reply json,
  accepted_at timestamp with time zone not null,
  replied_at timestamp with time zone,
  constraint commands_pkey PRIMARY KEY (id),
  constraint commands_kind_check CHECK ((kind = ANY (ARRAY['create'::text, 'pay'::text, 'capture'::text, 'void'::text, 'refund'::text, 'decide_review'::text, 'repair'::text])))
) with (fillfactor=80);

create table deliveries (
  id uuid not null,
  event_id text not null,
  endpoint_id uuid not null,
  merchant_id uuid not null,
  target_url text not null,
  status text not null,
  attempts integer default 0 not null,
  is_resend boolean default false not null,
  claimed_until timestamp with time zone,
  next_attempt_at timestamp with time zone,
  created_at timestamp with time zone default now() not null,
  finished_at timestamp with time zone,
  constraint deliveries_pkey PRIMARY KEY (id),
  constraint deliveries_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'retrying'::text, 'delivered'::text, 'failed'::text])))
) with (fillfactor=80);

create table delivery_attempts (
  id uuid not null,
  delivery_id uuid not null,
  merchant_id uuid not null,
  attempt integer not null,
  event_id text not null,
  event_type text not null,
  target_url text not null,
  success boolean not null,
  response_status integer,
  response_body text,
  error text,
  duration_ms integer not null,
  next_attempt_at timestamp with time zone,
  created_at timestamp with time zone not null,
  constraint delivery_attempts_pkey PRIMARY KEY (id)
);

create table event_batches (
  order_ref text not null,
  after_seq integer not null,
  command_id uuid,
  instruction jsonb not null,
  facts jsonb not null,
  run_id text not null,
  constraint event_batches_pkey PRIMARY KEY (order_ref, after_seq)
);

create table events (
  id text not null,
  order_ref text not null,
  order_seq integer not null,
  after_seq integer not null,
  merchant_id uuid not null,
  type text not null,
  data jsonb not null,
  at timestamp with time zone not null,
  payload jsonb,
  sequence bigint,
  constraint events_pkey PRIMARY KEY (id),
  constraint events_order_ref_order_seq_key UNIQUE (order_ref, order_seq),
  constraint events_check CHECK (((payload IS NULL) = (sequence IS NULL)))
);

create table idempotency_keys (
  scope text not null,
  key text not null,
  request_hash text not null,
  status integer,
  body json,
  created_at timestamp with time zone default now() not null,
  constraint idempotency_keys_pkey PRIMARY KEY (scope, key)
);

create table ledger_entries (
  order_ref text not null,
  order_seq integer not null,
  line integer not null,
  merchant_id uuid not null,
  account text not null,
  amount bigint not null,
  currency text not null,
  at timestamp with time zone not null,
  constraint ledger_entries_pkey PRIMARY KEY (order_ref, order_seq, line),
  constraint ledger_entries_account_check CHECK ((account = ANY (ARRAY['bank'::text, 'merchant'::text]))),
  constraint ledger_entries_amount_check CHECK ((amount <> 0))
);

create table legacy_transactions (
  id uuid not null,
  order_ref text not null,
  merchant_id uuid not null,
  user_id uuid,
  idempotency_key text,
  payment_method text not null,
  created_at timestamp with time zone not null,
  constraint legacy_transactions_pkey PRIMARY KEY (id),
  constraint legacy_transactions_order_ref_key UNIQUE (order_ref),
  constraint legacy_transactions_user_id_idempotency_key_key UNIQUE (user_id, idempotency_key),
  constraint legacy_transactions_check CHECK (((user_id IS NULL) = (idempotency_key IS NULL))),
  constraint legacy_transactions_payment_method_check CHECK ((payment_method = ANY (ARRAY['upi'::text, 'card'::text, 'netbanking'::text, 'wallet'::text])))
);

create table merchant_sequences (
  merchant_id uuid not null,
  last_sequence bigint not null,
  constraint merchant_sequences_pkey PRIMARY KEY (merchant_id)
) with (fillfactor=50);

create table merchants (
  id uuid not null,
  user_id uuid not null,
  business_name text not null,
  business_email text not null,
  website text,
  qr_token text not null,
  is_active boolean default true not null,
  is_verified boolean default false not null,
  fraud_actions jsonb default '{}'::jsonb not null,
  created_at timestamp with time zone default now() not null,
  constraint merchants_pkey PRIMARY KEY (id),
  constraint merchants_business_email_key UNIQUE (business_email),
  constraint merchants_qr_token_key UNIQUE (qr_token),
  constraint merchants_user_id_key UNIQUE (user_id),
  constraint merchants_business_email_check CHECK ((business_email = lower(business_email)))
);

create table order_texts (
  order_ref text not null,
  receipt text,
  notes json,
  constraint order_texts_pkey PRIMARY KEY (order_ref)
);

create table orders (
  order_ref text not null,
  id uuid not null,
  merchant_id uuid not null,
  amount bigint not null,
  currency text not null,
  source text not null,
  capture_mode text not null,
  status text not null,
  attempts integer not null,
  amount_paid bigint not null,
  amount_refunded bigint not null,
  amount_reserved bigint not null,
  captured_payment_ref text,
  holding_payment_ref text,
  cancel_requested boolean not null,
  expires_at timestamp with time zone not null,
  due_at timestamp with time zone,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null,
  last_seq integer not null,
  constraint orders_pkey PRIMARY KEY (order_ref),
  constraint orders_id_key UNIQUE (id),
  constraint orders_amount_check CHECK (((amount >= 1) AND (amount <= '99999999999'::bigint))),
  constraint orders_capture_mode_check CHECK ((capture_mode = ANY (ARRAY['automatic'::text, 'manual'::text]))),
  constraint orders_check CHECK (((0 <= amount_refunded) AND (amount_refunded <= amount_reserved) AND (amount_reserved <= amount_paid) AND (amount_paid <= amount))),
  constraint orders_check1 CHECK (((captured_payment_ref IS NULL) = (amount_paid = 0))),
  constraint orders_check2 CHECK (((status <> 'paid'::text) OR (captured_payment_ref IS NOT NULL))),
  constraint orders_currency_check CHECK ((currency = ANY (ARRAY['INR'::text, 'USD'::text, 'EUR'::text]))),
  constraint orders_source_check CHECK ((source = ANY (ARRAY['api'::text, 'qr'::text, 'legacy'::text]))),
  constraint orders_status_check CHECK ((status = ANY (ARRAY['created'::text, 'attempted'::text, 'paid'::text, 'expired'::text])))
) with (fillfactor=80);

create table outbox (
  event_id text not null,
  merchant_id uuid not null,
  created_at timestamp with time zone not null,
  constraint outbox_pkey PRIMARY KEY (event_id)
);

create table payers (
  payment_ref text not null,
  order_ref text not null,
  merchant_id uuid not null,
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
  created_at timestamp with time zone default clock_timestamp() not null,
  constraint payers_pkey PRIMARY KEY (payment_ref)
);

create table payment_phase_reach (
  from_phase text not null,
  to_phase text not null,
  constraint payment_phase_reach_pkey PRIMARY KEY (from_phase, to_phase)
);

create table payments (
  id uuid not null,
  payment_ref text not null,
  order_ref text not null,
  order_id uuid not null,
  merchant_id uuid not null,
  command_id uuid not null,
  amount bigint not null,
  currency text not null,
  method text not null,
  phase text not null,
  status text not null,
  amount_captured bigint not null,
  amount_refunded bigint not null,
  flags text[] not null,
  acquirer_reference text,
  error_reason text,
  next_action jsonb,
  created_at timestamp with time zone not null,
  authorized_at timestamp with time zone,
  captured_at timestamp with time zone,
  failed_at timestamp with time zone,
  capture_before timestamp with time zone,
  constraint payments_pkey PRIMARY KEY (id),
  constraint payments_command_id_key UNIQUE (command_id),
  constraint payments_payment_ref_key UNIQUE (payment_ref),
  constraint payments_amount_check CHECK ((amount > 0)),
  constraint payments_check CHECK (((0 <= amount_refunded) AND (amount_refunded <= amount_captured) AND (amount_captured <= amount))),
  constraint payments_check1 CHECK (((phase = ANY (ARRAY['captured'::text, 'refunded'::text])) = (amount_captured > 0))),
  constraint payments_check2 CHECK (((phase = ANY (ARRAY['voided'::text, 'failed'::text])) = (error_reason IS NOT NULL))),
  constraint payments_method_check CHECK ((method = ANY (ARRAY['upi'::text, 'card'::text, 'netbanking'::text, 'wallet'::text])))
) with (fillfactor=80);

create table refund_texts (
  refund_ref text not null,
  reason text,
  notes text,
  constraint refund_texts_pkey PRIMARY KEY (refund_ref)
);

create table refunds (
  id uuid not null,
  refund_ref text not null,
  payment_ref text not null,
  payment_id uuid not null,
  order_ref text not null,
  merchant_id uuid not null,
  amount bigint not null,
  currency text not null,
  status text not null,
  error_reason text,
  acquirer_reference text,
  created_at timestamp with time zone not null,
  processed_at timestamp with time zone,
  failed_at timestamp with time zone,
  constraint refunds_pkey PRIMARY KEY (id),
  constraint refunds_refund_ref_key UNIQUE (refund_ref),
  constraint refunds_amount_check CHECK ((amount > 0)),
  constraint refunds_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'processed'::text, 'failed'::text])))
);

create table sweep_leases (
  order_ref text not null,
  claimed_until timestamp with time zone not null,
  tries integer not null,
  constraint sweep_leases_pkey PRIMARY KEY (order_ref)
);

create table users (
  id uuid not null,
  name text not null,
  email text not null,
  password_hash text not null,
  role text not null,
  token_version integer default 1 not null,
  created_at timestamp with time zone default now() not null,
  constraint users_pkey PRIMARY KEY (id),
  constraint users_email_key UNIQUE (email),
  constraint users_email_check CHECK ((email = lower(email))),
  constraint users_role_check CHECK ((role = ANY (ARRAY['user'::text, 'merchant'::text, 'admin'::text])))
);

create table webhook_endpoints (
  id uuid not null,
  merchant_id uuid not null,
  is_primary boolean default false not null,
  url text,
  events text[] not null,
  is_active boolean default true not null,
  disabled_reason text,
  secret_version integer default 1 not null,
  overlap_until timestamp with time zone,
  created_at timestamp with time zone default now() not null,
  constraint webhook_endpoints_pkey PRIMARY KEY (id),
  constraint webhook_endpoints_check CHECK ((is_primary OR (url IS NOT NULL)))
);

create table webhook_samples (
  id uuid not null,
  endpoint_id uuid not null,
  merchant_id uuid not null,
  event_type text not null,
  idem_key text,
  request_hash text not null,
  created_at timestamp with time zone default now() not null,
  finished_at timestamp with time zone,
  target_url text,
  success boolean,
  response_status integer,
  response_body text,
  error text,
  duration_ms integer,
  constraint webhook_samples_pkey PRIMARY KEY (id),
  constraint webhook_samples_check CHECK (((finished_at IS NULL) = (success IS NULL)))
);

-- Indexes

CREATE INDEX api_keys_of_merchant ON public.api_keys USING btree (merchant_id, created_at);
CREATE INDEX bank_callbacks_open ON public.bank_callbacks USING btree (received_at) WHERE (handled_at IS NULL);
CREATE UNIQUE INDEX commands_by_key ON public.commands USING btree (idem_scope, idem_key) WHERE (idem_key IS NOT NULL);
CREATE INDEX commands_of_order ON public.commands USING btree (order_ref, accepted_at);
CREATE UNIQUE INDEX commands_one_open_money ON public.commands USING btree (order_ref) WHERE ((reply IS NULL) AND (kind = ANY (ARRAY['pay'::text, 'capture'::text, 'void'::text, 'refund'::text])));
CREATE INDEX commands_open ON public.commands USING btree (accepted_at) WHERE (reply IS NULL);
CREATE UNIQUE INDEX deliveries_first ON public.deliveries USING btree (event_id, endpoint_id) WHERE (NOT is_resend);
CREATE INDEX deliveries_pending ON public.deliveries USING btree (endpoint_id, created_at, event_id) WHERE (status = 'pending'::text);
CREATE INDEX deliveries_retrying ON public.deliveries USING btree (endpoint_id, created_at) WHERE (status = 'retrying'::text);
CREATE INDEX delivery_attempts_of_merchant ON public.delivery_attempts USING btree (merchant_id, created_at DESC, id DESC);
CREATE UNIQUE INDEX delivery_attempts_once ON public.delivery_attempts USING btree (delivery_id, attempt);
CREATE UNIQUE INDEX events_of_merchant ON public.events USING btree (merchant_id, sequence) WHERE (sequence IS NOT NULL);
CREATE INDEX legacy_transactions_of_all ON public.legacy_transactions USING btree (created_at DESC, id DESC);
CREATE INDEX legacy_transactions_of_merchant ON public.legacy_transactions USING btree (merchant_id, created_at DESC, id DESC);
CREATE INDEX legacy_transactions_of_user ON public.legacy_transactions USING btree (user_id, created_at DESC, id DESC);
CREATE INDEX orders_due ON public.orders USING btree (due_at) WHERE (due_at IS NOT NULL);
CREATE INDEX orders_of_merchant ON public.orders USING btree (merchant_id, created_at DESC, order_ref DESC);
CREATE INDEX outbox_in_order ON public.outbox USING btree (created_at, event_id);
CREATE INDEX payers_by_card ON public.payers USING btree (merchant_id, card_fingerprint, created_at) WHERE (card_fingerprint IS NOT NULL);
CREATE INDEX payers_by_contact ON public.payers USING btree (merchant_id, contact, created_at) WHERE (contact IS NOT NULL);
CREATE INDEX payers_by_email ON public.payers USING btree (merchant_id, email, created_at) WHERE (email IS NOT NULL);
CREATE INDEX payers_by_vpa ON public.payers USING btree (merchant_id, vpa, created_at) WHERE (vpa IS NOT NULL);
CREATE INDEX payers_of_merchant ON public.payers USING btree (merchant_id, created_at);
CREATE INDEX payers_of_order ON public.payers USING btree (order_ref, created_at);
CREATE INDEX payments_of_merchant ON public.payments USING btree (merchant_id, created_at DESC, payment_ref DESC);
CREATE INDEX payments_of_order ON public.payments USING btree (order_ref, created_at);
CREATE UNIQUE INDEX payments_one_captured ON public.payments USING btree (order_ref) WHERE (phase = ANY (ARRAY['captured'::text, 'refunded'::text]));
CREATE INDEX refunds_of_payment ON public.refunds USING btree (payment_ref, created_at);
CREATE INDEX webhook_endpoints_of_merchant ON public.webhook_endpoints USING btree (merchant_id, created_at);
CREATE UNIQUE INDEX webhook_endpoints_one_primary ON public.webhook_endpoints USING btree (merchant_id) WHERE is_primary;
CREATE UNIQUE INDEX webhook_samples_by_key ON public.webhook_samples USING btree (endpoint_id, idem_key) WHERE (idem_key IS NOT NULL);
CREATE INDEX webhook_samples_of_merchant ON public.webhook_samples USING btree (merchant_id, created_at);

-- Foreign keys

alter table api_keys add constraint api_keys_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES merchants(id);
alter table api_keys add constraint api_keys_successor_id_fkey FOREIGN KEY (successor_id) REFERENCES api_keys(id);
alter table commands add constraint commands_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES merchants(id);
alter table commands add constraint commands_order_ref_fkey FOREIGN KEY (order_ref) REFERENCES orders(order_ref);
alter table deliveries add constraint deliveries_endpoint_id_fkey FOREIGN KEY (endpoint_id) REFERENCES webhook_endpoints(id);
alter table deliveries add constraint deliveries_event_id_fkey FOREIGN KEY (event_id) REFERENCES events(id);
alter table deliveries add constraint deliveries_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES merchants(id);
alter table delivery_attempts add constraint delivery_attempts_delivery_id_fkey FOREIGN KEY (delivery_id) REFERENCES deliveries(id);
alter table delivery_attempts add constraint delivery_attempts_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES merchants(id);
alter table event_batches add constraint event_batches_order_ref_fkey FOREIGN KEY (order_ref) REFERENCES orders(order_ref);
alter table events add constraint events_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES merchants(id);
alter table events add constraint events_order_ref_after_seq_fkey FOREIGN KEY (order_ref, after_seq) REFERENCES event_batches(order_ref, after_seq);
alter table ledger_entries add constraint ledger_entries_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES merchants(id);
alter table ledger_entries add constraint ledger_entries_order_ref_fkey FOREIGN KEY (order_ref) REFERENCES orders(order_ref);
alter table legacy_transactions add constraint legacy_transactions_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES merchants(id);
alter table legacy_transactions add constraint legacy_transactions_order_ref_fkey FOREIGN KEY (order_ref) REFERENCES orders(order_ref);
alter table legacy_transactions add constraint legacy_transactions_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id);
alter table merchant_sequences add constraint merchant_sequences_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES merchants(id);
alter table merchants add constraint merchants_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id);
alter table order_texts add constraint order_texts_order_ref_fkey FOREIGN KEY (order_ref) REFERENCES orders(order_ref);
alter table orders add constraint orders_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES merchants(id);
alter table outbox add constraint outbox_event_id_fkey FOREIGN KEY (event_id) REFERENCES events(id);
alter table outbox add constraint outbox_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES merchants(id);
alter table payers add constraint payers_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES merchants(id);
alter table payers add constraint payers_order_ref_fkey FOREIGN KEY (order_ref) REFERENCES orders(order_ref);
alter table payments add constraint payments_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES merchants(id);
alter table payments add constraint payments_order_ref_fkey FOREIGN KEY (order_ref) REFERENCES orders(order_ref);
alter table refunds add constraint refunds_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES merchants(id);
alter table refunds add constraint refunds_order_ref_fkey FOREIGN KEY (order_ref) REFERENCES orders(order_ref);
alter table refunds add constraint refunds_payment_ref_fkey FOREIGN KEY (payment_ref) REFERENCES payments(payment_ref);
alter table sweep_leases add constraint sweep_leases_order_ref_fkey FOREIGN KEY (order_ref) REFERENCES orders(order_ref);
alter table webhook_endpoints add constraint webhook_endpoints_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES merchants(id);
alter table webhook_samples add constraint webhook_samples_endpoint_id_fkey FOREIGN KEY (endpoint_id) REFERENCES webhook_endpoints(id);
alter table webhook_samples add constraint webhook_samples_merchant_id_fkey FOREIGN KEY (merchant_id) REFERENCES merchants(id);

-- Functions

CREATE OR REPLACE FUNCTION public.check_ledger_balance()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  if (select sum(amount) from ledger_entries
      where order_ref = new.order_ref and order_seq = new.order_seq and currency = new.currency) <> 0 then
    raise exception 'ledger entries of % at % do not balance', new.order_ref, new.order_seq
      using errcode = 'check_violation';
  end if;
  return null;
end $function$;

CREATE OR REPLACE FUNCTION public.check_payment_phase()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  if not exists (
    select 1 from payment_phase_reach where from_phase = old.phase and to_phase = new.phase
  ) then
    raise exception 'payment % cannot go from % to %', old.payment_ref, old.phase, new.phase
      using errcode = 'check_violation';
  end if;
  return new;
end $function$;

CREATE OR REPLACE FUNCTION public.refuse_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  raise exception '% is append-only', tg_table_name using errcode = 'restrict_violation';
end $function$;

-- Triggers

CREATE TRIGGER event_batches_append_only BEFORE DELETE OR UPDATE ON public.event_batches FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER event_batches_no_truncate BEFORE TRUNCATE ON public.event_batches FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER events_append_only BEFORE DELETE OR UPDATE ON public.events FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER events_no_truncate BEFORE TRUNCATE ON public.events FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ledger_entries_append_only BEFORE DELETE OR UPDATE ON public.ledger_entries FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE CONSTRAINT TRIGGER ledger_entries_balance AFTER INSERT ON public.ledger_entries DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_ledger_balance();
CREATE TRIGGER ledger_entries_no_truncate BEFORE TRUNCATE ON public.ledger_entries FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER payments_legal_phase BEFORE UPDATE OF phase ON public.payments FOR EACH ROW WHEN ((old.phase IS DISTINCT FROM new.phase)) EXECUTE FUNCTION check_payment_phase();

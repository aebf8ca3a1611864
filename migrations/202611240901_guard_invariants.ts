import type { Knex } from 'knex';

/** The invariants again, for the day the code is wrong. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(GUARDS);
}

export async function down(): Promise<void> {
  throw new Error('guards are not taken down: drop the database instead');
}

const GUARDS = `
create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception '% is append-only', tg_table_name using errcode = 'restrict_violation';
end $$;
create trigger events_append_only before update or delete on events
  for each row execute function refuse_change();
create trigger event_batches_append_only before update or delete on event_batches
  for each row execute function refuse_change();
create trigger ledger_entries_append_only before update or delete on ledger_entries
  for each row execute function refuse_change();
create trigger events_no_truncate before truncate on events execute function refuse_change();
create trigger event_batches_no_truncate before truncate on event_batches execute function refuse_change();
create trigger ledger_entries_no_truncate before truncate on ledger_entries execute function refuse_change();

-- Where a payment may get to from where it is, by any number of events in one batch.
create table payment_phase_reach (
  from_phase text not null,
  to_phase text not null,
  primary key (from_phase, to_phase)
);
insert into payment_phase_reach
select f, t from (values
  ('awaiting_customer', '{abandoning,authorized,in_review,capturing,voiding,captured,refunded,voided,failed}'),
  ('unknown', '{awaiting_customer,abandoning,authorized,in_review,capturing,voiding,captured,refunded,voided,failed}'),
  ('abandoning', '{authorized,in_review,capturing,voiding,captured,refunded,voided,failed}'),
  ('authorized', '{in_review,capturing,voiding,captured,refunded,voided}'),
  ('in_review', '{authorized,capturing,voiding,captured,refunded,voided}'),
  ('capturing', '{authorized,in_review,voiding,captured,refunded,voided}'),
  ('voiding', '{captured,refunded,voided}'),
  ('captured', '{refunded}')
) as reach (f, targets), unnest(targets::text[]) as t;

create function check_payment_phase() returns trigger language plpgsql as $$
begin
  if not exists (
    select 1 from payment_phase_reach where from_phase = old.phase and to_phase = new.phase
  ) then
    raise exception 'payment % cannot go from % to %', old.payment_ref, old.phase, new.phase
      using errcode = 'check_violation';
  end if;
  return new;
end $$;
create trigger payments_legal_phase before update of phase on payments
  for each row when (old.phase is distinct from new.phase) execute function check_payment_phase();

create function check_ledger_balance() returns trigger language plpgsql as $$
begin
  if (select sum(amount) from ledger_entries
      where order_ref = new.order_ref and order_seq = new.order_seq and currency = new.currency) <> 0 then
    raise exception 'ledger entries of % at % do not balance', new.order_ref, new.order_seq
      using errcode = 'check_violation';
  end if;
  return null;
end $$;
create constraint trigger ledger_entries_balance after insert on ledger_entries
  deferrable initially deferred for each row execute function check_ledger_balance();
`;

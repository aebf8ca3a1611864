import type { Knex } from 'knex';

/**
 * What the legacy API shows: which orders were made by its users or by QR codes, and by whom. How such
 * an order went is not repeated here.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(TRANSACTIONS);
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table legacy_transactions');
}

const TRANSACTIONS = `
create table legacy_transactions (
  -- The order's.
  id uuid primary key,
  order_ref text not null unique references orders,
  merchant_id uuid not null references merchants,
  -- Who sent it; null: somebody who scanned the merchant's QR code.
  user_id uuid references users,
  idempotency_key text,
  payment_method text not null check (payment_method in ('upi', 'card', 'netbanking', 'wallet')),
  -- The order's.
  created_at timestamptz not null,
  unique (user_id, idempotency_key),
  check ((user_id is null) = (idempotency_key is null))
);
create index legacy_transactions_of_user on legacy_transactions (user_id, created_at desc, id desc);
create index legacy_transactions_of_merchant on legacy_transactions (merchant_id, created_at desc, id desc);
create index legacy_transactions_of_all on legacy_transactions (created_at desc, id desc);
`;

import type { Knex } from 'knex';

/** A key that was rolled knows the one that took its place; it is rolled once. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw('alter table api_keys add column successor_id uuid references api_keys');
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('alter table api_keys drop column successor_id');
}

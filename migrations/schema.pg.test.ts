import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type pg from 'pg';
import { createPool } from '../src/db/pool.ts';
import { createDatabase, createEmptyDatabase, type TestDatabase } from '../src/testing/database.ts';
import { dumpSchema } from '../src/testing/schema-dump.ts';

const FILE = join(import.meta.dirname, 'schema.sql');

async function inDatabase<T>(
  create: () => Promise<TestDatabase>,
  work: (pool: pg.Pool) => Promise<T>,
): Promise<T> {
  const database = await create();
  const pool = createPool({ url: database.url, max: 1, applicationName: 'schema' });
  try {
    return await work(pool);
  } finally {
    await pool.end();
    await database.drop();
  }
}

const migrated = () => inDatabase(createDatabase, dumpSchema);

test('the migrations make the schema of schema.sql', async () => {
  const schema = await migrated();
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(FILE, schema);
  expect(schema).toBe(readFileSync(FILE, 'utf8'));
});

test('schema.sql is complete: run in an empty database it gives itself', async () => {
  const golden = readFileSync(FILE, 'utf8');
  const again = await inDatabase(createEmptyDatabase, async (pool) => {
    await pool.query(golden);
    return dumpSchema(pool);
  });
  expect(again).toBe(golden);
});

test.each([
  ['a column', 'alter table refunds add note text'],
  ['a default', "alter table users alter role set default 'user'"],
  ['a null', 'alter table users alter name drop not null'],
  ['a check', 'alter table ledger_entries drop constraint ledger_entries_amount_check'],
  ['a foreign key', 'alter table outbox drop constraint outbox_event_id_fkey'],
  ['an index', 'drop index payments_one_captured'],
  ['a fill factor', 'alter table orders set (fillfactor = 90)'],
  ['a trigger', 'drop trigger ledger_entries_balance on ledger_entries'],
  [
    'a function',
    'create or replace function refuse_change() returns trigger language plpgsql as $$ begin return new; end $$',
  ],
])('%s that differs is seen', async (_, change) => {
  const changed = await inDatabase(createDatabase, async (pool) => {
    await pool.query(change);
    return dumpSchema(pool);
  });
  expect(changed).not.toBe(readFileSync(FILE, 'utf8'));
});

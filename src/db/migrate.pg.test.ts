import pg from 'pg';
import { createEmptyDatabase, type TestDatabase } from '../testing/database.ts';
import { migrate, NewerDatabase, pendingMigrations } from './migrate.ts';

let database: TestDatabase;

beforeEach(async () => {
  database = await createEmptyDatabase();
});

afterEach(async () => {
  await database.drop();
});

test('what is pending is run once, and the names carry no extension', async () => {
  const pending = await pendingMigrations(database.url);
  expect(pending.length).toBeGreaterThan(0);
  expect(pending.every((name) => /^\d{12}_[a-z0-9_]+$/.test(name))).toBe(true);
  expect(await migrate(database.url)).toEqual(pending);
  expect(await pendingMigrations(database.url)).toEqual([]);
  expect(await migrate(database.url)).toEqual([]);
});

test('of four at once one runs them and the others wait', async () => {
  const ran = await Promise.all([1, 2, 3, 4].map(() => migrate(database.url)));
  expect(ran.filter((names) => names.length > 0)).toHaveLength(1);
});

test('a lock that a killed process has left is no obstacle', async () => {
  await migrate(database.url);
  await query('update knex_migrations_lock set is_locked = 1');
  expect(await migrate(database.url)).toEqual([]);
});

test('a database with migrations that this build does not know is refused by name', async () => {
  await migrate(database.url);
  await query(
    `insert into knex_migrations (name, batch, migration_time) values ('209901010000_later', 2, now())`,
  );
  const message =
    'the database was made by a newer PayFlow (209901010000_later); ' +
    'upgrade this installation or point DATABASE_URL elsewhere';
  await expect(migrate(database.url)).rejects.toThrow(new NewerDatabase(message));
  await expect(pendingMigrations(database.url)).rejects.toThrow(message);
});

async function query(text: string) {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await client.query(text);
  await client.end();
}

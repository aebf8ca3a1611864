import { readdir } from 'node:fs/promises';
import type { Knex } from 'knex';
import pg from 'pg';
import { createKnex } from './pool.ts';

const FOLDER = new URL('../../migrations/', import.meta.url);
// Not source maps, not schema.sql, not tests. The name has no extension, so that a database
// migrated from dist and one migrated from the sources are the same to knex.
const FILE = /^(\d{12}_[a-z0-9_]+)\.[jt]s$/;
const TABLE = 'knex_migrations';
// Any number will do, as long as nothing else takes the same one.
const LOCK_KEY = 7_294_301;

const migrationSource: Knex.MigrationSource<string> = {
  getMigrations: async () => (await readdir(FOLDER)).filter((file) => FILE.test(file)).toSorted(),
  getMigrationName: (file) => FILE.exec(file)![1]!,
  // A relative path works in ESM and as Jest's require; a file:// address breaks Jest.
  getMigration: (file) => import(`../../migrations/${file}`) as Promise<Knex.Migration>,
};

export class NewerDatabase extends Error {
  override readonly name = 'NewerDatabase';
}

/**
 * Brings the database up to this build and returns what it ran. Several callers at once take
 * turns. Throws NewerDatabase if the database holds migrations that this build does not have.
 */
export async function migrate(url: string): Promise<string[]> {
  const lock = new pg.Client({ connectionString: url, application_name: 'payflow-migrate' });
  lock.on('error', () => {});
  await lock.connect();
  try {
    await lock.query('select pg_advisory_lock($1)', [LOCK_KEY]);
    return await withKnex(url, async (knex) => {
      await refuseNewer(knex);
      // We hold the advisory lock, so a lock row of knex's own is from a process that was killed.
      await knex.migrate.forceFreeMigrationsLock({ migrationSource });
      const [, ran] = (await knex.migrate.latest({ migrationSource })) as [number, string[]];
      return ran;
    });
  } finally {
    await lock.end();
  }
}

/** What `migrate` would run now. Throws NewerDatabase like it. */
export async function pendingMigrations(url: string): Promise<string[]> {
  return withKnex(url, async (knex) => {
    const applied = await refuseNewer(knex);
    return (await ourMigrations()).filter((name) => !applied.has(name));
  });
}

async function ourMigrations(): Promise<string[]> {
  const files = await migrationSource.getMigrations([]);
  return files.map((file) => migrationSource.getMigrationName(file));
}

async function refuseNewer(knex: Knex): Promise<ReadonlySet<string>> {
  if (!(await knex.schema.hasTable(TABLE))) return new Set();
  const rows = await knex<{ name: string }>(TABLE).select('name').orderBy('name');
  const ours = new Set(await ourMigrations());
  const unknown = rows.filter((row) => !ours.has(row.name)).map((row) => row.name);
  if (unknown.length > 0) {
    throw new NewerDatabase(
      `the database was made by a newer PayFlow (${unknown.join(', ')}); ` +
        'upgrade this installation or point DATABASE_URL elsewhere',
    );
  }
  return new Set(rows.map((row) => row.name));
}

async function withKnex<T>(url: string, work: (knex: Knex) => Promise<T>): Promise<T> {
  const knex = createKnex({ url, max: 1, applicationName: 'payflow-migrate' });
  try {
    return await work(knex);
  } finally {
    await knex.destroy();
  }
}

import { randomBytes } from 'node:crypto';
import pg from 'pg';

export interface TestDatabase {
  readonly url: string;
  drop(): Promise<void>;
}

/** Migrated once per run by global-setup.ts; every test file works on a clone of it. */
export const TEMPLATE_DATABASE = 'payflow_template';

const FILE_COPY_SINCE = 150_000;

/** A database with all tables of PayFlow, empty of rows. */
export function createDatabase(): Promise<TestDatabase> {
  return create(`template ${TEMPLATE_DATABASE}`);
}

/** A database with nothing in it. */
export function createEmptyDatabase(): Promise<TestDatabase> {
  return create('template template0');
}

async function create(source: string): Promise<TestDatabase> {
  const name = `t_${randomBytes(6).toString('hex')}`;
  await asAdmin(async (admin) => {
    const { rows } = await admin.query<{ version: string }>(
      `select current_setting('server_version_num') as version`,
    );
    // Copying files is faster than the default for a database as small as this one.
    const strategy = Number(rows[0]?.version) >= FILE_COPY_SINCE ? 'strategy file_copy' : '';
    await admin.query(`create database ${name} ${source} ${strategy}`);
  });
  const url = new URL(adminUrl());
  url.pathname = `/${name}`;
  return {
    url: url.href,
    drop: () =>
      asAdmin(async (admin) => void (await admin.query(`drop database if exists ${name} with (force)`))),
  };
}

async function asAdmin<T>(work: (admin: pg.Client) => Promise<T>): Promise<T> {
  const admin = new pg.Client({ connectionString: adminUrl() });
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.end();
  }
}

function adminUrl(): string {
  const url = process.env['PAYFLOW_TEST_POSTGRES_URL'];
  if (url === undefined) throw new Error('no test Postgres: is this file one of the "services" tests?');
  return url;
}

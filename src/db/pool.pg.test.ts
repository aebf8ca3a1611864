import type pg from 'pg';
import { createEmptyDatabase, type TestDatabase } from '../testing/database.ts';
import { createKnex, createPool } from './pool.ts';

let database: TestDatabase;
let pool: pg.Pool;

beforeAll(async () => {
  database = await createEmptyDatabase();
  pool = createPool({ url: database.url, max: 2, applicationName: 'pool-test' });
});

afterAll(async () => {
  await pool.end();
  await database.drop();
});

test('a bigint arrives as a number, alone, in an array, and from a named statement', async () => {
  const text =
    'select 9007199254740991::bigint as most, array[1, null, -2]::bigint[] as list, null::bigint as none';
  const expected = { most: Number.MAX_SAFE_INTEGER, list: [1, null, -2], none: null };
  expect((await pool.query(text)).rows).toEqual([expected]);
  for (let run = 0; run < 2; run++) {
    expect((await pool.query({ name: 'bigints', text })).rows).toEqual([expected]);
  }
});

test.each(['9007199254740992', '-9007199254740992', '9223372036854775807'])(
  'the bigint %s is an error, not another number',
  async (text) => {
    await expect(pool.query(`select '${text}'::bigint`)).rejects.toThrow(`bigint ${text} is beyond 2^53`);
    await expect(pool.query(`select array['${text}']::bigint[]`)).rejects.toThrow('beyond 2^53');
  },
);

test('knex has the same parser and the same limits', async () => {
  const knex = createKnex({ url: database.url, max: 1, applicationName: 'knex-test' });
  try {
    const { rows } = await knex.raw<{ rows: unknown[] }>(
      `select 5::bigint as five, current_setting('statement_timeout') as timeout,
        current_setting('application_name') as name`,
    );
    expect(rows).toEqual([{ five: 5, timeout: '10s', name: 'knex-test' }]);
    await expect(knex.raw(`select '9007199254740992'::bigint`)).rejects.toThrow('beyond 2^53');
  } finally {
    await knex.destroy();
  }
});

test('a connection that breaks while idle does not end the process, and the next query works', async () => {
  await breakConnectionOf(pool);
  expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
});

test('one that breaks between two statements does not end the process, and its transaction fails', async () => {
  const client = await pool.connect();
  await client.query('begin');
  await breakConnectionOf(client);
  await expect(client.query('commit')).rejects.toThrow();
  client.release(true);
});

async function breakConnectionOf(client: pg.Pool | pg.PoolClient): Promise<void> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  const other = createPool({ url: database.url, max: 1, applicationName: 'killer' });
  await other.query('select pg_terminate_backend($1)', [rows[0]!.pid]);
  await other.end();
  await new Promise((resolve) => setTimeout(resolve, 100));
}

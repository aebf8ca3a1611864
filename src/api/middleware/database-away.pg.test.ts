import type { Knex } from 'knex';
import knexFactory from 'knex';
import pg from 'pg';
import { UserModel } from '../../db/models/user.ts';
import { createKnex, createPool } from '../../db/pool.ts';
import { startApi } from '../../testing/api.ts';
import { createDatabase, type TestDatabase } from '../../testing/database.ts';
import { isDatabaseAway } from './database-away.ts';

const NOBODY_LISTENS = 'postgresql://payflow:x@127.0.0.1:1/nothing';
const WAIT_MS = 200;

let database: TestDatabase;
let pool: pg.Pool;

beforeAll(async () => {
  database = await createDatabase();
  pool = createPool({ url: database.url, max: 4, applicationName: 'test' });
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => {
      throw new Error('it worked');
    },
    (error: unknown) => error,
  );
}

describe('the database is away when', () => {
  test('nobody listens, for pg and for Objection', async () => {
    const dead = createPool({ url: NOBODY_LISTENS, max: 1, applicationName: 'test' });
    expect(isDatabaseAway(await failureOf(dead.query('select 1')))).toBe(true);
    await dead.end();
    const knex = createKnex({ url: NOBODY_LISTENS, max: 1, applicationName: 'test' });
    expect(isDatabaseAway(await failureOf(UserModel.query(knex).execute()))).toBe(true);
    await knex.destroy();
  });

  test('a name does not resolve', async () => {
    const dead = createPool({
      url: 'postgresql://payflow:x@nowhere.invalid/x',
      max: 1,
      applicationName: 'test',
    });
    expect(isDatabaseAway(await failureOf(dead.query('select 1')))).toBe(true);
    await dead.end();
  });

  test('all connections are taken for too long, for pg and for knex', async () => {
    const small = new pg.Pool({ connectionString: database.url, max: 1, connectionTimeoutMillis: WAIT_MS });
    const held = await small.connect();
    expect(isDatabaseAway(await failureOf(small.query('select 1')))).toBe(true);
    held.release();
    await small.end();
    const knex = knexFactory({
      client: 'pg',
      connection: database.url,
      pool: { min: 0, max: 1 },
      acquireConnectionTimeout: WAIT_MS,
    });
    const failure = await new Promise((resolve, reject) => {
      knex
        .transaction(async (trx: Knex.Transaction) => {
          await trx.raw('select 1');
          resolve(await failureOf(UserModel.query(knex).execute()));
        })
        .catch(reject);
    });
    expect(isDatabaseAway(failure)).toBe(true);
    await knex.destroy();
  });

  test('the connection is cut in the middle of a statement', async () => {
    const client = await pool.connect();
    client.on('error', () => {});
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
    const failure = failureOf(client.query('select pg_sleep(10)'));
    await pool.query('select pg_terminate_backend($1)', [rows[0]?.pid]);
    expect(isDatabaseAway(await failure)).toBe(true);
    expect(isDatabaseAway(await failureOf(client.query('select 1')))).toBe(true);
    client.release(true);
  });

  test('a statement takes too long', async () => {
    const client = await pool.connect();
    await client.query(`set statement_timeout = ${WAIT_MS}`);
    expect(isDatabaseAway(await failureOf(client.query('select pg_sleep(10)')))).toBe(true);
    client.release(true);
  });

  test('the pool has been ended', async () => {
    const ended = createPool({ url: database.url, max: 1, applicationName: 'test' });
    await ended.end();
    expect(isDatabaseAway(await failureOf(ended.query('select 1')))).toBe(true);
  });
});

test.each([
  'select nonsense',
  'select 1 / 0',
  `insert into merchant_sequences values ('00000000-0000-0000-0000-000000000000', 0)`,
  `select '\\u0000'::jsonb::text`,
])('a mistake of ours is none: %s', async (text) => {
  expect(isDatabaseAway(await failureOf(pool.query(text)))).toBe(false);
  const knex = createKnex({ url: database.url, max: 1, applicationName: 'test' });
  expect(isDatabaseAway(await failureOf(UserModel.query(knex).where(knex.raw('nonsense')).execute()))).toBe(
    false,
  );
  await knex.destroy();
});

test('while Postgres is away every route that needs it says 503 and when to come back', async () => {
  const api = await startApi({ database });
  const dead = {
    pool: createPool({ url: NOBODY_LISTENS, max: 1, applicationName: 'test' }),
    knex: createKnex({ url: NOBODY_LISTENS, max: 1, applicationName: 'test' }),
  };
  const cut = await startApi({ database, ...dead, apiKeys: api.deps.apiKeys });
  try {
    const person = { email: 'a@shop.test', password: 'secret' };
    for (const [path, body] of [
      ['/auth/register', { ...person, name: 'A' }],
      ['/auth/login-json', person],
    ] as const) {
      const { status, headers, body: answer } = await cut.call('POST', path, { body });
      expect({ status, retryAfter: headers['retry-after'] }).toEqual({ status: 503, retryAfter: '2' });
      expect(answer['error']).toMatchObject({ reason: 'unavailable', code: 'SERVER_ERROR' });
    }
    const health = await cut.call('GET', '/health');
    expect({ status: health.status, db: health.body['db'] }).toEqual({ status: 200, db: 'down' });
  } finally {
    await cut.close();
    await api.close();
  }
});

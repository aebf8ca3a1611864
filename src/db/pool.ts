import knexFactory, { type Knex } from 'knex';
import pg from 'pg';

export interface PoolOptions {
  readonly url: string;
  readonly max: number;
  /** Shown in pg_stat_activity. */
  readonly applicationName: string;
}

const STATEMENT_MS_MAX = 10_000;
const CONNECT_MS_MAX = 5_000;
const IDLE_MS_MAX = 30_000;

/**
 * Plain SQL goes through this one. Statements with a `name` are prepared once per connection. A
 * bigint arrives as a number, one that a number cannot hold exactly is an error; a timestamptz
 * arrives as ISO 8601 text.
 */
export function createPool(options: PoolOptions): pg.Pool {
  const pool = new pg.Pool({
    ...connectionOptions(options),
    max: options.max,
    idleTimeoutMillis: IDLE_MS_MAX,
    // Statements of one transaction can be sent at once; one after the other, it changes nothing.
    pipeline: true,
  });
  // Without a listener, a connection that breaks while idle would end the process. The pool has
  // dropped it already, and the next query opens another or says what is wrong.
  pool.on('error', () => {});
  // The same between two statements of a transaction: the next one, or its commit, says what is wrong.
  pool.on('connect', (client) => client.on('error', () => {}));
  return pool;
}

/** For Objection and migrations; the same settings. */
export function createKnex(options: PoolOptions): Knex {
  return knexFactory({
    client: 'pg',
    // Knex hands these to pg as they are; its own types leave out half of them.
    connection: connectionOptions(options) as Knex.PgConnectionConfig,
    pool: { min: 0, max: options.max, idleTimeoutMillis: IDLE_MS_MAX },
    acquireConnectionTimeout: CONNECT_MS_MAX * 2,
    // What goes wrong is thrown; left alone, Knex prints it to the console as well.
    log: { warn: ignore, error: ignore, deprecate: ignore, debug: ignore },
  });
}

function ignore(): void {}

function connectionOptions({ url, applicationName }: PoolOptions) {
  return {
    connectionString: url,
    application_name: applicationName,
    statement_timeout: STATEMENT_MS_MAX,
    connectionTimeoutMillis: CONNECT_MS_MAX,
    keepAlive: true,
    types: { getTypeParser },
  };
}

type TypeId = Parameters<typeof pg.types.getTypeParser>[0];

const { INT8, TIMESTAMPTZ } = pg.types.builtins;
// Not among pg's named types.
const INT8_ARRAY = 1016 as TypeId;
const textArray = pg.types.getTypeParser(INT8_ARRAY) as (text: string) => (string | null)[];

const getTypeParser = (oid: TypeId, format?: 'text' | 'binary') => {
  if (format !== 'binary' && oid === INT8) return parseInt8;
  if (format !== 'binary' && oid === (TIMESTAMPTZ as number)) return parseTimestamp;
  if (format !== 'binary' && oid === INT8_ARRAY) {
    return (text: string) => textArray(text).map((item) => (item === null ? null : parseInt8(item)));
  }
  return pg.types.getTypeParser(oid, format as 'text');
};

/** Times leave the database as they are shown: ISO 8601, UTC, milliseconds. */
function parseTimestamp(text: string): string {
  return new Date(text).toISOString();
}

/** Amounts are bigint columns; silently losing a paisa beyond 2^53 would be worse than failing. */
function parseInt8(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError(`bigint ${text} is beyond 2^53`);
  return value;
}

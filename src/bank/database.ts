import pg from 'pg';

const CONNECTIONS_MAX = 20;
const CONNECT_MS = 5_000;
const STATEMENT_MS = 10_000;

/** `bigint` columns arrive as numbers, and only when they are exact. */
export function createPool(options: { url: string; onError: (error: Error) => void }): pg.Pool {
  const pool = new pg.Pool({
    connectionString: options.url,
    max: CONNECTIONS_MAX,
    connectionTimeoutMillis: CONNECT_MS,
    statement_timeout: STATEMENT_MS,
    types: { getTypeParser },
  });
  // An idle connection that breaks would end the process otherwise; the pool makes a new one.
  pool.on('error', options.onError);
  return pool;
}

const getTypeParser: typeof pg.types.getTypeParser = (oid: number, format?: 'text' | 'binary') =>
  oid === pg.types.builtins.INT8 ? exactNumber : pg.types.getTypeParser(oid, format as 'text');

function exactNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError(`not a safe integer: ${text}`);
  return value;
}

import pg from 'pg';
import { Refusal } from './refusal.ts';

const VERSION_MIN = 140_000;
const CONNECT_MS_MAX = 10_000;

/** That a database which is not ours answers and is recent enough, or one line on what to do. */
export async function checkDatabase(url: string, variable: string): Promise<void> {
  await connected(url, variable, async (client) => {
    const { rows } = await client.query<{ number: number; text: string }>(
      `select current_setting('server_version_num')::int as number, current_setting('server_version') as text`,
    );
    const [version] = rows;
    if (version && version.number >= VERSION_MIN) return;
    throw new Refusal(`${variable}: PayFlow needs Postgres 14 or newer, this is ${version?.text}.`);
  });
}

/** Creates a database beside the one at `url` unless it is there; returns its address. */
export async function ensureDatabase(url: string, variable: string, name: string): Promise<string> {
  await connected(url, variable, async (client) => {
    const found = await client.query('select 1 from pg_database where datname = $1', [name]);
    if (found.rowCount !== 0) return;
    try {
      await client.query(`create database ${client.escapeIdentifier(name)}`);
    } catch (error) {
      throw new Refusal(
        `The simulated bank needs a database of its own, and creating "${name}" failed: ` +
          `${(error as Error).message}. Create it, or set BANK_DATABASE_URL.`,
      );
    }
  });
  const address = new URL(url);
  address.pathname = `/${name}`;
  return address.href;
}

async function connected(url: string, variable: string, work: (client: pg.Client) => Promise<void>) {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: CONNECT_MS_MAX });
  client.on('error', () => {});
  try {
    await client.connect();
  } catch (error) {
    // A refused connection to a name with several addresses says why in its parts only.
    const reason = (error as Error).message || String((error as AggregateError).errors?.[0]);
    throw new Refusal(
      `${variable} does not lead to a usable database: ${reason}. ` +
        'Correct it; without it, `payflow up` starts a Postgres of its own.',
    );
  }
  try {
    await work(client);
  } finally {
    await client.end();
  }
}

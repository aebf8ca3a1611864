import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { serverAccount } from './account.ts';
import type { Child } from './child.ts';
import { freePort } from './ports.ts';
import { findEmbeddedPostgres, findPostgres, type PostgresBinaries } from './postgres-binaries.ts';
import { initPostgres, majorOfData, postgresUrl, removeStaleLock, startPostgres } from './postgres.ts';

// Both kinds of binaries, whichever of them this machine has.

const account = serverAccount();
let folder: string;
let children: Child[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'payflow-postgres-'));
  chmodSync(folder, 0o755);
  children = [];
});

afterEach(async () => {
  await Promise.all(children.map((child) => child.stop(5_000)));
  rmSync(folder, { recursive: true, force: true });
});

test.each([
  ['of the machine', () => findPostgres({ path: process.env['PATH'], account, copyTo: folder })],
  ['of the npm package', () => findEmbeddedPostgres({ path: undefined, account, copyTo: folder })],
])(
  'a private cluster with the binaries %s: made, started, stopped, killed, started again',
  async (_, find) => {
    const binaries = find();
    if (binaries === null) return;
    const options = await cluster(binaries);
    expect(majorOfData(options.data)).toBe(binaries.major);
    const url = postgresUrl(options, 'postgres');

    const first = start(options);
    await first.ready;
    expect(await ask(url, `select current_setting('server_version_num')::int / 10000 as a`)).toBe(
      binaries.major,
    );
    await expect(ask(url.replace(/:[0-9a-z]+@/, ':wrong@'), 'select 1 as a')).rejects.toThrow('password');
    expect(await first.child.stop(5_000)).toMatchObject({ code: 0 });

    const second = start(options);
    await second.ready;
    await ask(url, 'create table kept (a int); insert into kept values (7)');
    second.child.kill('SIGKILL');
    await second.child.exited;

    await removeStaleLock(options.data);
    const third = start(options);
    await third.ready;
    expect(await ask(url, 'select a from kept')).toBe(7);
  },
);

test('the lock of a server that runs is left alone', async () => {
  const options = await cluster(findPostgres({ path: process.env['PATH'], account, copyTo: folder }));
  const { child, ready } = start(options);
  await ready;
  await removeStaleLock(options.data);
  expect(readFileSync(join(options.data, 'postmaster.pid'), 'utf8').split('\n')[0]).toBe(String(child.pid));
});

test('data of a version that no binaries fit is refused with all that can be done', () => {
  expect(() => findPostgres({ path: process.env['PATH'], account, copyTo: folder, major: 9 })).toThrow(
    /No Postgres 9 to be had\. .*DATABASE_URL.*install Postgres.*npm ci/,
  );
});

async function cluster(binaries: PostgresBinaries) {
  const logFile = join(folder, 'log');
  const options = { binaries, account, data: join(folder, 'data'), password: 'secret', logFile };
  await initPostgres(options);
  return { ...options, port: await freePort(), settings: ['fsync=off'] };
}

function start(options: Parameters<typeof startPostgres>[0]) {
  const started = startPostgres(options);
  children.push(started.child);
  return started;
}

async function ask(url: string, sql: string): Promise<unknown> {
  const client = new pg.Client({ connectionString: url });
  try {
    await client.connect();
    return (await client.query<{ a: unknown }>(sql)).rows?.[0]?.a;
  } finally {
    await client.end();
  }
}

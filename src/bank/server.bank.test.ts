import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { transformFile } from '@swc/core';
import { createEmptyDatabase, type TestDatabase } from '../testing/database.ts';

/** The real process, compiled into a folder of its own: `dist` may be stale, or not there. */
const ROOT = resolve(import.meta.dirname, '../..');
const LISTENING = /^bank listening on (http:\/\/127\.0\.0\.1:\d+)\n$/;
const STOP_MS = 2_000;

let folder: string;
let database: TestDatabase;
const children: ChildProcess[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'payflow-bank-'));
  database = await createEmptyDatabase();
  await compile();
});
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await database.drop();
  rmSync(folder, { recursive: true, force: true });
});

async function compile() {
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  const bank = readdirSync(join(ROOT, 'src/bank')).filter((name) => !/test/.test(name));
  for (const file of [...bank.map((name) => `src/bank/${name}`), 'src/domain/money.ts']) {
    const { code } = await transformFile(join(ROOT, file), {
      jsc: { target: 'es2022', parser: { syntax: 'typescript' } },
      module: { type: 'es6' },
    });
    const target = join(folder, file.replace(/\.ts$/, '.js'));
    mkdirSync(resolve(target, '..'), { recursive: true });
    writeFileSync(target, code.replace(/(from ['"]\.[^'"]*)\.ts(['"])/g, '$1.js$2'));
  }
}

async function start(settings: Record<string, string> = {}) {
  const child = spawn(process.execPath, [join(folder, 'src/bank/server.js')], {
    env: { BANK_DATABASE_URL: database.url, BANK_API_KEY: 'key', BANK_PORT: '0', ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  const [line] = await Promise.race([once(child.stdout, 'data'), once(child.stderr, 'data')]);
  return { child, line: String(line), url: LISTENING.exec(String(line))?.[1] ?? '' };
}

function authorize(url: string, request: { key: string; vpa: string }) {
  return fetch(`${url}/authorizations`, {
    method: 'POST',
    headers: { authorization: 'Bearer key', 'content-type': 'application/json' },
    body: JSON.stringify({
      key: request.key,
      order_ref: 'pf_order_test',
      amount: 100,
      currency: 'INR',
      method: 'upi',
      instrument: { vpa: request.vpa },
      return_url: 'http://localhost/',
    }),
  });
}

test('starts → one line on stdout, healthy; SIGTERM with a call on hold → exit 0 within 2 s', async () => {
  const { child, line, url } = await start();
  expect(line).toMatch(LISTENING);
  expect(await (await fetch(`${url}/health`)).json()).toEqual({ status: 'ok' });
  const silent = authorize(url, { key: 'held', vpa: 'timeout@payflow' });
  silent.catch(() => undefined);
  await new Promise((done) => setTimeout(done, 200));
  const from = Date.now();
  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([0, null]);
  expect(Date.now() - from).toBeLessThan(STOP_MS);
  await expect(silent).rejects.toThrow('fetch failed');
});

test('killed with SIGKILL right after the effect → the next process gives the same answer', async () => {
  const first = await start();
  const before = await (await authorize(first.url, { key: 'k', vpa: 'success@payflow' })).json();
  first.child.kill('SIGKILL');
  await once(first.child, 'exit');
  const second = await start();
  expect(await (await authorize(second.url, { key: 'k', vpa: 'success@payflow' })).json()).toEqual(before);
  second.child.kill('SIGTERM');
  await once(second.child, 'exit');
});

test('settings that cannot be used → told on stderr, exit 1', async () => {
  const { child, line } = await start({ BANK_PORT: 'x', BANK_API_KEY: '' });
  expect(line).toContain('BANK_PORT');
  expect(line).toContain('BANK_API_KEY');
  expect(child.exitCode ?? (await once(child, 'exit'))[0]).toBe(1);
});

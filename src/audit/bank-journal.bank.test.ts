import type { IncomingMessage, ServerResponse } from 'node:http';
import { startTestBank, type TestBank } from '../bank/test-bank.ts';
import { createEmptyDatabase, type TestDatabase } from '../testing/database.ts';
import { freePort } from '../local/ports.ts';
import { listen } from '../testing/listen.ts';
import { BankSilent, createJournalReader } from './bank-journal.ts';
import type { JournalEntry } from './order-records.ts';

/** `startTestBank` gives its bank this key. */
const API_KEY = 'test-api-key';
const MOVES = 6;

let database: TestDatabase;
let bank: TestBank;
beforeAll(async () => {
  database = await createEmptyDatabase();
  bank = await startTestBank({ databaseUrl: database.url });
  for (let paid = 0; paid < MOVES / 2; paid++) await bank.captured(100 + paid);
});
afterAll(async () => {
  await bank.close();
  await database.drop();
});

async function pages(
  after: number,
  change: { url?: string; apiKey?: string; pageRows?: number } = {},
): Promise<(readonly JournalEntry[])[]> {
  const read = [];
  const reader = createJournalReader({ url: bank.url(), apiKey: API_KEY, ...change });
  for await (const page of reader(after)) read.push(page);
  return read;
}

test.each([
  [1, [1, 1, 1, 1, 1, 1]],
  [4, [4, 2]],
  // A page that is as full as the journal is followed by a look behind it.
  [5, [5, 1]],
  [6, [6]],
  [7, [6]],
])('in pages of %d rows → %j, and all that the bank wrote', async (pageRows, sizes) => {
  const read = await pages(0, { pageRows });
  expect(read.map((page) => page.length)).toEqual(sizes);
  expect(read.flat()).toEqual(await bank.journal());
});

test('after an entry → those that follow it; after the last → none', async () => {
  const all = await bank.journal();
  expect((await pages(all[2]!.id, { pageRows: 2 })).flat()).toEqual(all.slice(3));
  expect(await pages(all.at(-1)!.id)).toEqual([]);
});

test('money that moves while it reads is in the last page', async () => {
  const read: JournalEntry[] = [];
  const reader = createJournalReader({ url: bank.url(), apiKey: API_KEY, pageRows: 2 });
  const before = (await bank.journal()).length;
  for await (const page of reader(0)) {
    if (read.length === 0) await bank.captured(999);
    read.push(...page);
  }
  expect(read).toHaveLength(before + 2);
  expect(read.at(-1)).toMatchObject({ kind: 'capture', amount: 999 });
});

describe('a bank that does not show its journal is silent, with address and cause', () => {
  const silence = async (change: Parameters<typeof pages>[1]) => {
    const failure = pages(0, change);
    await expect(failure).rejects.toBeInstanceOf(BankSilent);
    return failure.catch((error: Error) => error.message);
  };

  test('the wrong key', async () => {
    expect(await silence({ apiKey: 'wrong' })).toBe(
      `The bank's journal at ${bank.url()}/journal?after=0&limit=1000 cannot be read: it answered 401.`,
    );
  });

  // Where the name stands for two addresses, both are tried, and the fault has no message of its own.
  test.each(['127.0.0.1', 'localhost'])('nobody there at %s', async (host) => {
    const url = `http://${host}:${await freePort()}`;
    expect(await silence({ url })).toMatch(/cannot be read: fetch failed, .*ECONNREFUSED/);
  });

  test.each<[string, string, RegExp]>([
    ['a page for people', '<html>Welcome</html>', /is not valid JSON/],
    ['another JSON', '{"entries":[]}', /it answered something else \(.*expected array/],
    [
      'an entry of an unknown kind',
      '[{"id":1,"at":"2026-11-24T10:00:00Z","kind":"fee"}]',
      /\(0: kind: [^\n]*\)\.$/,
    ],
  ])('%s', async (_, text, cause) => {
    const other = await listen((_request: IncomingMessage, response: ServerResponse) => {
      response.end(text);
    });
    try {
      expect(await silence({ url: other.url })).toMatch(cause);
    } finally {
      await other.close();
    }
  });

  test('a line that breaks between two pages', async () => {
    const all = JSON.stringify((await bank.journal()).slice(0, 2));
    const other = await listen((request: IncomingMessage, response: ServerResponse) => {
      if (request.url?.includes('after=0') === true) response.end(all);
      else request.socket.destroy();
    });
    try {
      expect(await silence({ url: other.url, pageRows: 2 })).toMatch(/after=\d+&limit=2 cannot be read/);
    } finally {
      await other.close();
    }
  });
});

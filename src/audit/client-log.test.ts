import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClientLogReader, UnreadableLog, type ClientAnswer } from './client-log.ts';

const ANSWER = { at: '2026-11-24T10:00:00.000Z', kind: 'pay', status: 200, order_ref: 'pf_order_1' };

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'payflow-log-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function file(text: string, name = 'shop.jsonl'): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

async function batches(...files: string[]): Promise<(readonly ClientAnswer[])[]> {
  const read = [];
  for await (const batch of createClientLogReader(files)()) read.push(batch);
  return read;
}

test('each line with the place where it stands; what it leaves out is null', async () => {
  const path = file(`${JSON.stringify(ANSWER)}\r\n\n${JSON.stringify({ ...ANSWER, amount: 1 })}`);
  const [answers] = await batches(path);
  expect(answers).toMatchObject([
    { ...ANSWER, source: `${path}:1`, amount: null, payment_ref: null, reason: null },
    { ...ANSWER, source: `${path}:3`, amount: 1 },
  ]);
});

test('file after file, in batches, none of them lost between two of them', async () => {
  const refs = Array.from({ length: 2_001 }, (_, index) => `pf_order_${index}`);
  const lines = refs.map((order_ref) => JSON.stringify({ ...ANSWER, order_ref }));
  const read = await batches(file(lines.join('\n')), file(`${lines[0]}\n`, 'other.jsonl'));
  expect(read.map((batch) => batch.length)).toEqual([1_000, 1_000, 1, 1]);
  expect(read.flat().map(({ order_ref }) => order_ref)).toEqual([...refs, refs[0]]);
});

test('an empty log → no answers', async () => {
  expect(await batches(file(''))).toEqual([]);
});

test('a refusal may have no order', async () => {
  const { order_ref: _, ...refused } = { ...ANSWER, status: 400, reason: 'amount_not_positive' };
  expect((await batches(file(JSON.stringify(refused)))).flat()).toMatchObject([{ order_ref: null }]);
});

test.each<[string, string, string]>([
  ['half a line', '{"at":', 'is not JSON'],
  ['another value', '[]', 'expected object'],
  ['no time', JSON.stringify({ ...ANSWER, at: 'today' }), 'at: '],
  ['another kind', JSON.stringify({ ...ANSWER, kind: 'pays' }), 'kind: '],
  ['a slip in a name', JSON.stringify({ ...ANSWER, paymentstatus: 'captured' }), 'paymentstatus'],
  ['granted without an order', JSON.stringify({ ...ANSWER, order_ref: null }), 'order_ref: required'],
  ['rupees', JSON.stringify({ ...ANSWER, amount: 499.5 }), 'amount: '],
  ['a NUL', JSON.stringify({ ...ANSWER, idempotency_key: '\0' }), 'idempotency_key: '],
  ['a line without an end', ' '.repeat(100_000), 'longer than'],
])('%s → refused with its file and number', async (_, line, fault) => {
  const path = file(`${JSON.stringify(ANSWER)}\n${line}\n${JSON.stringify(ANSWER)}\n`);
  const failure = batches(path);
  await expect(failure).rejects.toBeInstanceOf(UnreadableLog);
  await expect(failure).rejects.toThrow(`${path}:2 `);
  await expect(failure).rejects.toThrow(fault);
});

test('a file that is not there, and one that is a folder → refused by name', async () => {
  await expect(batches(join(folder, 'none'))).rejects.toThrow(/none cannot be read: ENOENT/);
  await expect(batches(folder)).rejects.toThrow(/cannot be read: EISDIR/);
});

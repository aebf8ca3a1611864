import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DIFFERENCES } from '../audit/difference.ts';
import { freePort } from '../local/ports.ts';
import { builtProgram } from '../testing/build.ts';
import { createEmptyDatabase } from '../testing/database.ts';
import { startGateway, type Gateway } from '../testing/gateway.ts';
import type { Answered } from '../testing/api.ts';

/** `startLab` gives its bank this key. */
const BANK_API_KEY = 'bank-api-key';
const START_MS_MAX = 120_000;
const LINE = /^pf_order_\w{20} .+: .+, .+ \[[a-z_]+\]$/;

let gateway: Gateway;
let program: string;
let home: string;
/** What a load generator writes down, a line for each request. */
const log: Record<string, unknown>[] = [];
const refs: Record<string, { order: string; payment: string }> = {};

beforeAll(async () => {
  gateway = await startGateway();
  program = join(await builtProgram(process.env['PAYFLOW_TEST_FOLDER']!), 'src/cli/payflow.js');
  home = mkdtempSync(join(tmpdir(), 'payflow-audit-'));
  refs['paid'] = await shop({ vpa: 'success@payflow' });
  refs['declined'] = await shop({ vpa: 'failure@payflow' });
  refs['unknown'] = await shop({ vpa: 'timeout@payflow' });
  refs['manual'] = await shop({ vpa: 'success@payflow' }, { payment_capture: 'manual' });
  await instruct('refund', refs['paid'], { amount: 10_000 });
  await instruct('refund', refs['paid'], { amount: 99_999 });
  await instruct('capture', refs['manual'], { amount: 20_000 });
  await instruct('void', refs['manual'], {});
  await gateway.reaches(refs['unknown'].payment, 'captured');
  await gateway.reaches(refs['manual'].payment, 'captured');
}, START_MS_MAX);
afterAll(async () => {
  rmSync(home, { recursive: true });
  await gateway.close();
});

/** An order and a pay, each logged as it was answered. */
async function shop(payer: { vpa: string }, order: object = {}) {
  const created = await gateway.call('POST', '/v1/orders', { body: { amount: 49_900, ...order } });
  const orderRef = String(created.body['order_ref']);
  note('create', orderRef, created, {});
  const key = `key-${log.length}`;
  const paid = await gateway.pay(orderRef, { method: 'upi', ...payer }, { 'Idempotency-Key': key });
  note('pay', orderRef, paid, { idempotency_key: key });
  return { order: orderRef, payment: String(paid.body['payment_ref']) };
}

async function instruct(kind: string, { order, payment }: { order: string; payment: string }, body: object) {
  const key = `key-${log.length}`;
  const headers = { 'Idempotency-Key': key };
  const answer = await gateway.call('POST', `/v1/payments/${payment}/${kind}`, { body, headers });
  note(kind, order, answer, { idempotency_key: key, payment_ref: payment });
}

function note(kind: string, order_ref: string, { status, body }: Answered, asked: object): void {
  const at = new Date().toISOString();
  if (status >= 300) {
    log.push({ at, kind, status, order_ref, ...asked, reason: body['error']?.['reason'] });
    return;
  }
  const { amount, amount_captured, payment_ref, refund_ref, status: told } = body;
  const line = { at, kind, status, order_ref, ...asked, amount, amount_captured, payment_ref, refund_ref };
  if (kind === 'create') log.push(line);
  else log.push({ ...line, [kind === 'refund' ? 'refund_status' : 'payment_status']: told });
}

function logFile(lines: readonly object[], name = 'load.jsonl'): string {
  const path = join(home, name);
  writeFileSync(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  return path;
}

interface Ran {
  readonly code: number;
  readonly lines: readonly string[];
  readonly stdout: string;
  readonly stderr: string;
}

function audit(args: readonly string[] = [], env: Record<string, string> = {}): Promise<Ran> {
  const where = {
    DATABASE_URL: gateway.lab.database.url,
    PAYFLOW_BANK_URL: gateway.lab.bank.url,
    PAYFLOW_BANK_API_KEY: BANK_API_KEY,
  };
  return new Promise((settle) => {
    execFile(
      process.execPath,
      [program, 'audit', 'verify', ...args],
      { env: { PATH: '/usr/bin:/bin', PAYFLOW_HOME: home, ...where, ...env } },
      (error, stdout, stderr) =>
        settle({
          code: error === null ? 0 : Number(error.code),
          lines: stdout.trimEnd().split('\n'),
          stdout,
          stderr,
        }),
    );
  });
}

/** Does it while a payment has another amount than its events say. */
async function withWrongRow<T>(work: () => Promise<T>): Promise<T> {
  const change = (by: number) =>
    gateway.sql(
      'update payments set amount_captured = amount_captured + $1 where payment_ref = $2',
      by,
      refs['manual']!.payment,
    );
  await change(1);
  try {
    return await work();
  } finally {
    await change(-1);
  }
}

describe('all is well', () => {
  test('one line with the counts, exit 0', async () => {
    const { code, stdout, stderr } = await audit();
    expect({ code, stdout, stderr }).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^4 orders, \d+ entries of the bank's journal: no differences\n$/),
      stderr: '',
    });
  });

  test("--json → one object with the counts, and with a client's log", async () => {
    const { code, stdout } = await audit(['--json', '--client-log', logFile(log)]);
    const entries = await gateway.lab.bank.journal({ orderRef: refs['paid']!.order });
    expect(entries.length).toBeGreaterThan(0);
    expect({ code, ...(JSON.parse(stdout) as object) }).toEqual({
      code: 0,
      differences: [],
      count: 0,
      orders: 4,
      bank_entries: expect.any(Number),
      client_answers: log.length,
    });
  });

  test('the log holds grants, refusals and an outcome that was unknown when it was told', () => {
    expect(log).toHaveLength(12);
    expect(log).toContainEqual(expect.objectContaining({ kind: 'pay', payment_status: 'created' }));
    expect(log).toContainEqual(expect.objectContaining({ kind: 'refund', refund_status: 'processed' }));
    expect(log.filter(({ status }) => status === 400).map(({ reason }) => reason)).toEqual([
      'refund_exceeds_refundable',
      'cannot_void',
    ]);
  });
});

describe('something differs: exit 1', () => {
  test("a line for each difference, with the order's ref and both sides; the counts last", async () => {
    const { code, lines } = await withWrongRow(() => audit());
    expect(code).toBe(1);
    expect(lines.slice(0, -1)).toContain(
      `${refs['manual']!.order} payments ${refs['manual']!.payment} amount_captured: ` +
        'events 20000, table 20001 [row_differs]',
    );
    for (const line of lines.slice(0, -1)) expect(line).toMatch(LINE);
    expect(lines.at(-1)).toMatch(/^4 orders, .*: 1 difference$/);
  });

  test('--json holds the same', async () => {
    const { code, stdout } = await withWrongRow(() => audit(['--json']));
    expect({ code, ...(JSON.parse(stdout) as object) }).toMatchObject({
      code: 1,
      count: 1,
      orders: 4,
      differences: [
        {
          code: 'row_differs',
          ref: refs['manual']!.order,
          sides: ['events 20000', 'table 20001'],
          line: expect.stringMatching(LINE),
        },
      ],
    });
  });

  test('what clients were told, from two logs; each line with its file and number', async () => {
    const lies = [
      { ...log[3]!, payment_status: 'captured' },
      { ...log[0]!, order_ref: 'pf_order_00000000000000000000' },
    ];
    const files = [logFile(log), logFile(lies, 'lies.jsonl')];
    const { code, lines } = await audit(files.flatMap((file) => ['--client-log', file]));
    expect(code).toBe(1);
    expect(lines).toEqual([
      `${refs['declined']!.order} ${files[1]}:1 pay ${refs['declined']!.payment}: ` +
        'client captured, payment failed [client_status_differs]',
      `pf_order_00000000000000000000 ${files[1]}:2 create: client 201, orders nothing [client_order_unknown]`,
      expect.stringMatching(/^4 orders, .*, 14 answers to clients: 2 differences$/),
    ]);
  });

  test('--since leaves out what has not changed since, but not what a client was told', async () => {
    const since = ['--since', new Date(Date.now() + 60_000).toISOString()];
    const { code, lines } = await withWrongRow(() => audit(since));
    expect({ code, lines }).toEqual({ code: 0, lines: [expect.stringMatching(/^0 orders, /)] });
    const lie = logFile([{ ...log[3]!, payment_status: 'captured' }], 'lie.jsonl');
    const told = await audit([...since, '--client-log', lie]);
    expect(told.code).toBe(1);
    expect(told.lines.at(-1)).toMatch(/^1 orders, .*: 1 difference$/);
  });
});

describe('it cannot look: exit 2, one line that says why', () => {
  const nobody = async () => `127.0.0.1:${await freePort()}`;

  test.each<[string, () => Promise<Ran>, RegExp]>([
    [
      'no bank at that address',
      async () => audit(['--bank-url', `http://${await nobody()}`]),
      /The bank's journal at .* cannot be read: fetch failed, .*ECONNREFUSED/,
    ],
    ['the wrong key', () => audit(['--bank-key', 'wrong']), /cannot be read: it answered 401\./],
    ['no bank named', () => audit([], { PAYFLOW_BANK_URL: '' }), /Which bank\? Give --bank-url/],
    [
      'no database at that address',
      async () => audit([], { DATABASE_URL: `postgres://payflow@${await nobody()}/payflow` }),
      /DATABASE_URL does not lead to a usable database: .*ECONNREFUSED/,
    ],
    ['no database named', () => audit([], { DATABASE_URL: '' }), /Which database\? Set DATABASE_URL/],
    [
      'a log that is not there',
      () => audit(['--client-log', join(home, 'none')]),
      /none cannot be read: ENOENT/,
    ],
    [
      'a log with a broken line',
      () => audit(['--client-log', logFile([log[0]!, { kind: 'pay' }], 'broken.jsonl')]),
      /broken\.jsonl:2 is no answer to a request: at: /,
    ],
  ])('%s', async (_, run, why) => {
    const { code, stdout, stderr } = await run();
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^The audit could not look: [^\n]+\n$/);
    expect(stderr).toMatch(why);
  });

  test('a database without tables', async () => {
    const empty = await createEmptyDatabase();
    try {
      const { code, stderr } = await audit([], { DATABASE_URL: empty.url });
      expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining('payflow migrate') });
    } finally {
      await empty.drop();
    }
  });

  test.each([
    ['a time that is none', ['--since', 'yesterday'], 'no time in ISO 8601'],
    ['an unknown option', ['--sinse', '2026-11-24'], 'unknown option'],
  ])('%s', async (_, args, why) => {
    const { code, stdout, stderr } = await audit(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(why);
  });
});

test('--help tells every code and the format of the log, exit 0', async () => {
  const { code, stdout } = await audit(['--help']);
  expect(code).toBe(0);
  for (const name of Object.keys(DIFFERENCES)) expect(stdout).toContain(`  ${name} `);
  for (const meaning of Object.values(DIFFERENCES)) expect(stdout).toContain(meaning);
  for (const field of Object.keys(Object.assign({}, ...log) as object)) expect(stdout).toContain(field);
});

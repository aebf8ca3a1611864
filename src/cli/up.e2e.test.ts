import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { processIdentity } from '../local/process-table.ts';
import { builtProgram } from '../testing/build.ts';

// The tests follow one another: one home, one long life.

interface RunFile {
  readonly urls: Readonly<Record<string, string>>;
  readonly ports: Readonly<Record<string, number>>;
  readonly pids: Readonly<Record<string, number>>;
  readonly demo: { readonly key_id: string; readonly order_ref: string };
}

interface Up {
  readonly child: ChildProcess;
  readonly exitCode: Promise<number | null>;
  output(): string;
}

const START_MS_MAX = 60_000;
const PROCESSES = ['api', 'bank', 'postgres', 'supervisor', 'temporal', 'worker'];

let home: string;
let program: string;
let running: Up;

beforeAll(async () => {
  program = join(await builtProgram(process.env['PAYFLOW_TEST_FOLDER']!), 'src/cli/payflow.js');
  home = mkdtempSync(join(tmpdir(), 'payflow-up-'));
  chmodSync(home, 0o755);
}, START_MS_MAX);

afterAll(async () => {
  running.child.kill('SIGTERM');
  await running.exitCode;
  rmSync(home, { recursive: true, force: true });
});

test(
  'the first start ends with the address and leaves all that scripts need in run.json',
  async () => {
    running = await started();
    const { urls, pids, demo } = runFile();
    expect(running.output().trimEnd().split('\n').at(-1)).toBe(`PayFlow is ready: ${urls['api']}`);
    expect(Object.keys(pids).toSorted()).toEqual(PROCESSES);
    expect(pids['supervisor']).toBe(running.child.pid);
    expect(demo.key_id).toMatch(/^pf_key_/);
    expect(urls['payment_page']).toBe(`${urls['api']}/pay/${demo.order_ref}`);
    for (const name of ['run.json', 'secrets.json', 'demo.json']) {
      expect(statSync(join(home, name)).mode & 0o777).toBe(0o600);
    }
    expect((await fetch(`${urls['api']}/ready`)).status).toBe(200);
  },
  START_MS_MAX,
);

test('a second one in the same home is refused in one line and disturbs nothing', async () => {
  const second = launch();
  expect(await second.exitCode).toBe(1);
  expect(second.output()).toMatch(/already running in .* \(pid \d+\)\. Stop it, or set PAYFLOW_HOME/);
  expect((await fetch(`${runFile().urls['api']}/ready`)).status).toBe(200);
});

test.each(['worker', 'api', 'bank', 'temporal', 'postgres'])(
  '%s is killed with -9 and is there again, with its new pid in run.json',
  async (name) => {
    const before = runFile().pids[name]!;
    process.kill(before, 'SIGKILL');
    await eventually(() => running.output().includes(`${name} runs again`));
    const after = runFile().pids[name]!;
    expect(after).not.toBe(before);
    expect(processIdentity(after)).not.toBeNull();
    await eventually(async () => (await fetch(`${runFile().urls['api']}/ready`)).status === 200);
  },
  START_MS_MAX,
);

test(
  'everything ends when the supervisor is killed with -9, and the next start says so and finds its data',
  async () => {
    const before = runFile();
    running.child.kill('SIGKILL');
    await eventually(() => Object.values(before.pids).every((pid) => processIdentity(pid) === null));
    running = await started();
    expect(running.output()).toContain(`The last run in ${home} was killed`);
    expect(runFile().demo).toEqual(before.demo);
    expect(runFile().ports['postgres']).toBe(before.ports['postgres']);
  },
  START_MS_MAX,
);

test(
  'SIGTERM ends everything within 10 s and leaves no run.json',
  async () => {
    const pids = Object.values(runFile().pids);
    const begun = Date.now();
    running.child.kill('SIGTERM');
    expect(await running.exitCode).toBe(0);
    expect(Date.now() - begun).toBeLessThan(10_000);
    expect(pids.filter((pid) => processIdentity(pid) !== null)).toEqual([]);
    expect(existsSync(join(home, 'run.json'))).toBe(false);
  },
  START_MS_MAX,
);

function launch(): Up {
  const path = `${dirname(process.env['PAYFLOW_TEST_TEMPORAL_PROGRAM']!)}:${process.env['PATH']}`;
  const ports = { PORT: '0', PAYFLOW_BANK_PORT: '0', PAYFLOW_TEMPORAL_PORT: '0', PAYFLOW_UI_PORT: '0' };
  const child = spawn(process.execPath, [program, 'up'], {
    env: { PATH: path, HOME: home, PAYFLOW_HOME: home, ...ports },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (more: string) => (text += more));
  child.stderr.setEncoding('utf8').on('data', (more: string) => (text += more));
  const exitCode = new Promise<number | null>((resolve) => child.once('close', resolve));
  return { child, exitCode, output: () => text };
}

async function started(): Promise<Up> {
  const up = launch();
  const ended = up.exitCode.then((code) => {
    throw new Error(`it ended with code ${code}:\n${up.output()}`);
  });
  await Promise.race([eventually(() => up.output().includes('PayFlow is ready'), START_MS_MAX), ended]);
  return up;
}

function runFile(): RunFile {
  return JSON.parse(readFileSync(join(home, 'run.json'), 'utf8')) as RunFile;
}

async function eventually(check: () => boolean | Promise<boolean>, timeoutMs = 20_000): Promise<void> {
  for (const giveUpAt = Date.now() + timeoutMs; ; await sleep(50)) {
    if (await Promise.resolve(check()).catch(() => false)) return;
    if (Date.now() > giveUpAt) throw new Error(`it never happened:\n${running?.output()}`);
  }
}

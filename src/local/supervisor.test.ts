import { EventEmitter } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { processIdentity } from './process-table.ts';
import { nodeService } from './node-services.ts';
import { createSupervisor, type Service } from './supervisor.ts';
import { onTermination } from './termination.ts';

// Real processes all through: what is promised here is about the operating system.

const POLITE = `process.on('SIGTERM', () => { console.log('asked', Date.now()); setTimeout(() => process.exit(0), 100); });`;
const DEAF = `process.on('SIGTERM', () => console.log('asked', Date.now()));`;
const STAY = `setInterval(() => {}, 1000); console.log('ready');`;

let folder: string;
let said: string[];
let pidsSeen: Readonly<Record<string, number>>[];
let supervisor: ReturnType<typeof createSupervisor>;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'payflow-supervisor-'));
  said = [];
  pidsSeen = [];
  supervisor = createSupervisor({
    say: (line) => said.push(line),
    onPids: (pids) => pidsSeen.push(pids),
  });
});

afterEach(async () => {
  await supervisor.kill();
  rmSync(folder, { recursive: true, force: true });
});

test('a process that is killed is started again, said so, and its new pid made known', async () => {
  await supervisor.start(service('api', POLITE + STAY));
  const before = supervisor.pids()['api']!;
  process.kill(before, 'SIGKILL');
  await eventually(() => said.some((line) => line.startsWith('api runs again')));
  const after = supervisor.pids()['api']!;
  expect(said[0]).toBe('api was ended by SIGKILL; starting it again in 0.25 s');
  expect(after).not.toBe(before);
  expect(pidsSeen.at(-1)).toEqual({ api: after });
  expect(processIdentity(after)).not.toBeNull();
});

test('one that dies again and again is started after ever longer waits', async () => {
  await supervisor.start(service('worker', `console.log('ready'); setTimeout(() => process.exit(3), 50);`));
  await eventually(() => said.filter((line) => line.includes('ended with code 3')).length === 3);
  const waits = said.filter((line) => line.includes('ended')).map((line) => /in ([\d.]+) s/.exec(line)?.[1]);
  expect(waits).toEqual(['0.25', '0.5', '1']);
});

test('a first start that fails is an error with the end of what the process said', async () => {
  const failing = service('api', `console.error('no such setting'); process.exit(1);`);
  await expect(supervisor.start(failing)).rejects.toThrow(/api ended with code 1[^]*no such setting/);
  await sleep(400);
  expect(said).toEqual([]);
});

test('stop ends all in reverse order, each gone before the next is asked', async () => {
  await supervisor.start(service('first', POLITE + STAY));
  await supervisor.start(service('second', POLITE + STAY), service('third', POLITE + STAY));
  const pids = Object.values(supervisor.pids());
  await supervisor.stop();
  const [first, second, third] = ['first', 'second', 'third'].map(askedAt) as [number, number, number];
  expect(second - third).toBeGreaterThanOrEqual(95);
  expect(first - second).toBeGreaterThanOrEqual(95);
  expect(pids.map(processIdentity)).toEqual([null, null, null]);
});

test('stop also ends one that is waiting to be started again', async () => {
  await supervisor.start(service('api', POLITE + STAY));
  process.kill(supervisor.pids()['api']!, 'SIGKILL');
  await eventually(() => said.length > 0);
  await supervisor.stop();
  await sleep(400);
  expect(pidsSeen).toHaveLength(1);
});

test('one that does not listen is killed with its whole group after 8 s, and all is over within 10 s', async () => {
  const child = `require('child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])`;
  await supervisor.start(service('first', POLITE + STAY));
  await supervisor.start(service('deaf', `${DEAF} console.log('child', ${child}.pid); ${STAY}`));
  const grandchild = Number(/child (\d+)/.exec(output('deaf'))?.[1]);
  const begun = Date.now();
  await supervisor.stop();
  expect(Date.now() - begun).toBeLessThan(10_000);
  expect(processIdentity(grandchild)).toBeNull();
}, 15_000);

test('the first signal stops, one within the same second is the same key press, a later one ends at once', async () => {
  await supervisor.start(service('deaf', DEAF + STAY));
  const pid = supervisor.pids()['deaf']!;
  const signals = new EventEmitter();
  let stopped: Promise<void> | undefined;
  let killed: Promise<void> | undefined;
  onTermination(signals, {
    stop: () => void (stopped = supervisor.stop()),
    kill: () => void (killed = supervisor.kill()),
  });
  signals.emit('SIGINT');
  await sleep(200);
  signals.emit('SIGINT');
  expect(stopped).toBeDefined();
  expect(killed).toBeUndefined();
  await sleep(1_100);
  expect(processIdentity(pid)).not.toBeNull();
  const begun = Date.now();
  signals.emit('SIGINT');
  await killed;
  expect(processIdentity(pid)).toBeNull();
  expect(Date.now() - begun).toBeLessThan(500);
});

function service(name: string, code: string): Service {
  const script = join(folder, `${name}.cjs`);
  writeFileSync(script, code);
  return nodeService({
    name,
    script,
    env: { PATH: '/usr/bin:/bin' },
    logFile: join(folder, `${name}.log`),
    isReady: (printed) => printed().includes('ready'),
  });
}

function output(name: string): string {
  return readFileSync(join(folder, `${name}.log`), 'utf8');
}

function askedAt(name: string): number {
  return Number(/asked (\d+)/.exec(output(name))?.[1]);
}

async function eventually(check: () => boolean): Promise<void> {
  for (const giveUpAt = Date.now() + 8_000; !check(); await sleep(20)) {
    if (Date.now() > giveUpAt) throw new Error(`it never happened; said: ${said.join(' | ')}`);
  }
}

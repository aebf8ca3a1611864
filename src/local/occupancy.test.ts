import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Home, openHome } from './home.ts';
import { endLeftovers, leave, occupy, recordChildren } from './occupancy.ts';
import { processIdentity } from './process-table.ts';

let home: Home;
const spawned: number[] = [];

beforeEach(() => {
  home = openHome(mkdtempSync(join(tmpdir(), 'payflow-home-')));
});

afterEach(() => {
  for (const pid of spawned.splice(0)) if (processIdentity(pid) !== null) process.kill(pid, 'SIGKILL');
  rmSync(home.folder, { recursive: true, force: true });
});

test('a home is for one run at a time, and free again after it', () => {
  expect(occupy(home)).toBeNull();
  expect(() => occupy(home)).toThrow(`already running in ${home.folder} (pid ${process.pid})`);
  leave(home);
  expect(occupy(home)).toBeNull();
});

test('a run that was killed is taken over, and what it had started is ended', async () => {
  const child = sleeper();
  occupy(home);
  recordChildren(home, { api: child });
  makeHolderDead();
  const leftovers = occupy(home);
  expect(leftovers).toMatchObject({ api: { pid: child } });
  expect(await endLeftovers(leftovers!, home.path('postgres'))).toEqual([`api (pid ${child})`]);
  expect(processIdentity(child)).toBeNull();
});

test('a halted process is ended too, and not only by force', async () => {
  const child = sleeper();
  process.kill(child, 'SIGSTOP');
  occupy(home);
  recordChildren(home, { worker: child });
  makeHolderDead();
  const begun = Date.now();
  await endLeftovers(occupy(home)!, home.path('postgres'));
  expect(processIdentity(child)).toBeNull();
  expect(Date.now() - begun).toBeLessThan(5_000);
});

test('another program that has the same pid by now is left alone', async () => {
  const stranger = sleeper();
  occupy(home);
  recordChildren(home, { api: stranger });
  makeHolderDead((text) => text.replaceAll(/"identity": "[^"]*"/g, '"identity": "an earlier one"'));
  expect(await endLeftovers(occupy(home)!, home.path('postgres'))).toEqual([]);
  expect(processIdentity(stranger)).not.toBeNull();
});

function sleeper(): number {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], {
    stdio: 'ignore',
    detached: true,
  });
  spawned.push(child.pid!);
  return child.pid!;
}

/** As after a `kill -9`: the file is there and names a process that is not. */
function makeHolderDead(change = (text: string) => text) {
  const occupant = home.readJson<{ supervisor: object }>('occupant.json');
  const dead = { ...occupant, supervisor: { pid: process.pid, identity: 'gone' } };
  writeFileSync(home.path('occupant.json'), change(JSON.stringify(dead, null, 2)));
}

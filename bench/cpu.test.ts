import { busyTicks, cpuSoFar, parseStat, perOrder, ticksOf } from './cpu.ts';

/** A line of /proc/<pid>/stat: state, parent, …, user, system, and both of ended children. */
const line = (name: string, parent: number, [user, system, endedUser, endedSystem]: number[]) =>
  `42 (${name}) S ${parent} 1 1 0 -1 0 0 0 0 0 ${user} ${system} ${endedUser} ${endedSystem} 20 0 1 0 900`;

test('reads the times behind a name that has blanks and brackets in it', () => {
  expect(parseStat(line('a (b) c', 7, [1, 2, 30, 40]))).toEqual({ parent: 7, ownTicks: 3, endedTicks: 70 });
});

test("Postgres' time is that of its running and its ended connections too", () => {
  const table = new Map([
    [10, parseStat(line('postgres', 1, [1, 1, 5, 5]))],
    [11, parseStat(line('postgres: backend', 10, [100, 0, 0, 0]))],
    [12, parseStat(line('node', 1, [1_000, 0, 0, 0]))],
  ]);
  expect(ticksOf(table, 10, true)).toBe(112);
  expect(ticksOf(table, 10, false)).toBe(2);
  expect(ticksOf(table, 13, true)).toBeNull();
});

test('a busy machine is one that is neither idle nor waiting', () => {
  expect(busyTicks('cpu  1 2 4 1000 2000 8 16 0 0 0\ncpu0 1 2 4 1000 2000 8 16 0 0 0\n')).toBe(31);
});

test('what an order costs is the difference, divided', () => {
  expect(perOrder({ api: 100 }, { api: 400 }, 150)).toEqual({ api: 2 });
  expect(perOrder(null, null, 150)).toBeNull();
});

test('counts this very process where the system tells', () => {
  const used = cpuSoFar([{ name: 'jest', pid: process.pid }]);
  const { user, system } = process.cpuUsage();
  const [least, most] = used === null ? [0, 0] : [used['jest']! * 0.9, used['jest']! * 1.1 + 100];
  const expected = process.platform === 'linux' ? (user + system) / 1_000 : 0;
  expect(expected).toBeGreaterThanOrEqual(least);
  expect(expected).toBeLessThanOrEqual(most);
});

test('a process that has ended is a fault, not a zero', () => {
  const pid = 2 ** 22 + 1;
  const count = () => cpuSoFar([{ name: 'worker', pid }]);
  if (process.platform === 'linux') expect(count).toThrow('worker');
  else expect(count()).toBeNull();
});

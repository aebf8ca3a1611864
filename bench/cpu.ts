import { readdirSync, readFileSync } from 'node:fs';

/** Whose CPU time is counted. */
export interface Watched {
  readonly name: string;
  readonly pid: number;
  /** With all its children, those that have ended too: Postgres has one for each connection. */
  readonly withChildren?: boolean;
}

/** CPU milliseconds by process. */
export type CpuMs = Readonly<Record<string, number>>;

interface Stat {
  readonly parent: number;
  readonly ownTicks: number;
  /** Of children that have ended and were waited for. */
  readonly endedTicks: number;
}

/** The kernel's unit in /proc is 1/100 s for every program, whatever it counts in itself. */
const TICK_MS = 10;
export const OTHERS = 'other programs';

/** What each has used so far, and all other programs of this machine; null where the system does not tell. */
export function cpuSoFar(watched: readonly Watched[]): CpuMs | null {
  if (process.platform !== 'linux') return null;
  const table = processTable();
  const used = watched.map(({ name, pid, withChildren }): [string, number] => {
    const ticks = ticksOf(table, pid, withChildren === true);
    if (ticks === null) throw new Error(`${name} (pid ${pid}) has ended while it was being measured`);
    return [name, ticks * TICK_MS];
  });
  const ours = used.reduce((sum, [, ms]) => sum + ms, 0);
  const all = busyTicks(readFileSync('/proc/stat', 'utf8')) * TICK_MS;
  return Object.fromEntries([...used, [OTHERS, all - ours]]);
}

export function perOrder(before: CpuMs | null, after: CpuMs | null, orders: number): CpuMs | null {
  if (before === null || after === null) return null;
  return Object.fromEntries(
    Object.entries(after).map(([name, ms]) => [name, (ms - (before[name] ?? 0)) / orders]),
  );
}

/** Null when there is no such process. */
export function ticksOf(table: ReadonlyMap<number, Stat>, pid: number, withChildren: boolean): number | null {
  const own = table.get(pid);
  if (own === undefined) return null;
  if (!withChildren) return own.ownTicks;
  const running = [...table.values()].filter(({ parent }) => parent === pid);
  return running.reduce((sum, { ownTicks }) => sum + ownTicks, own.ownTicks + own.endedTicks);
}

/** One line of /proc/<pid>/stat. */
export function parseStat(line: string): Stat {
  // The name in brackets may hold anything, blanks too; the fields after it are fixed.
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  const field = (number: number) => Number(fields[number]);
  return { parent: field(1), ownTicks: field(11) + field(12), endedTicks: field(13) + field(14) };
}

/** All processors' time but idle and waiting, from /proc/stat. Guests are part of user already. */
export function busyTicks(stat: string): number {
  const fields = /^cpu +(.*)$/m.exec(stat)?.[1]?.split(' ').map(Number) ?? [];
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = fields;
  return user + nice + system + irq + softirq;
}

function processTable(): Map<number, Stat> {
  const table = new Map<number, Stat>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const line = readStat(name);
    if (line !== null) table.set(Number(name), parseStat(line));
  }
  return table;
}

function readStat(pid: string): string | null {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch (error) {
    // It ended between being listed and being looked at.
    const { code = '' } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return null;
    throw error;
  }
}

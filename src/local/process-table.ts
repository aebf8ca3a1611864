import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Tells this process from a later one with the same number: when it began. Null when it does not
 * run (a zombie does not).
 */
export function processIdentity(pid: number): string | null {
  if (process.platform !== 'linux') return output('ps', ['-o', 'lstart=', '-p', String(pid)]);
  const stat = readText(`/proc/${pid}/stat`);
  if (stat === null) return null;
  // The name in brackets may hold anything, blanks too; the fields after it are fixed.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, startTicks] = [fields[0], fields[19]];
  if (state === 'Z' || startTicks === undefined) return null;
  return `${readText('/proc/sys/kernel/random/boot_id')?.trim()}:${startTicks}`;
}

export function workingFolder(pid: number): string | null {
  if (process.platform !== 'linux') {
    const found = output('lsof', ['-a', '-p', String(pid), '-d', 'cwd', '-Fn']);
    return /^n(.*)$/m.exec(found ?? '')?.[1] ?? null;
  }
  return readLink(`/proc/${pid}/cwd`);
}

/** All processes that work in this folder; null where that cannot be told. */
export function processesIn(folder: string): number[] | null {
  if (process.platform !== 'linux') return null;
  const inside = entries('/proc').filter(
    (name) => /^\d+$/.test(name) && readLink(join('/proc', name, 'cwd')) === folder,
  );
  return inside.map(Number);
}

/** Who listens on a port, for a message: `pid 123 (node)`; null when it cannot be told. */
export function portOwner(port: number): string | null {
  if (process.platform !== 'linux') {
    const found = output('lsof', ['-nP', `-iTCP:${port}`, '-sTCP:LISTEN', '-Fpc']) ?? '';
    const [pid, name] = [/^p(\d+)$/m.exec(found)?.[1], /^c(.*)$/m.exec(found)?.[1]];
    return pid === undefined ? null : `pid ${pid} (${name})`;
  }
  const sockets = new Set(listeningInodes(port).map((inode) => `socket:[${inode}]`));
  const pid = entries('/proc')
    .filter((name) => /^\d+$/.test(name))
    .find((name) => {
      const folder = join('/proc', name, 'fd');
      return entries(folder).some((fd) => sockets.has(readLink(join(folder, fd)) ?? ''));
    });
  return pid === undefined ? null : `pid ${pid} (${readText(`/proc/${pid}/comm`)?.trim()})`;
}

const LISTEN_STATE = '0A';

function listeningInodes(port: number): string[] {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  const rows = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((file) => (readText(file) ?? '').split('\n'));
  return rows
    .map((row) => row.trim().split(/\s+/))
    .filter((fields) => fields[1]?.endsWith(`:${hex}`) && fields[3] === LISTEN_STATE)
    .flatMap((fields) => fields[9] ?? []);
}

// A process can end between being listed and being looked at, and others' are closed to us.

function entries(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function readText(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}

function readLink(file: string): string | null {
  try {
    return readlinkSync(file);
  } catch {
    return null;
  }
}

function output(program: string, args: readonly string[]): string | null {
  const run = spawnSync(program, args, { encoding: 'utf8' });
  return run.status === 0 ? run.stdout.trim() : null;
}

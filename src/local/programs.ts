import { spawnSync } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';

/** The first executable of this name in a PATH-like list of folders, or null. */
export function findProgram(name: string, path: string | undefined): string | null {
  for (const folder of (path ?? '').split(delimiter)) {
    // A relative entry would run whatever lies in the current folder.
    if (isAbsolute(folder) && isExecutable(join(folder, name))) return join(folder, name);
  }
  return null;
}

export function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

const VERSION_MS_MAX = 20_000;

/** What `<program> --version` prints, or null if it does not run here. */
export function versionText(program: string, account?: { uid: number; gid: number }): string | null {
  const run = spawnSync(program, ['--version'], {
    encoding: 'utf8',
    timeout: VERSION_MS_MAX,
    cwd: '/',
    ...(account ? { uid: account.uid, gid: account.gid } : {}),
  });
  return run.status === 0 ? run.stdout.trim() : null;
}

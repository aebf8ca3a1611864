import { spawnSync } from 'node:child_process';
import type { Account } from './child.ts';
import { Refusal } from './refusal.ts';

const CANDIDATES = ['postgres', 'nobody'];

/**
 * Postgres refuses to run as root. Then it runs as an account that exists already; we never create
 * one. Undefined when we are an ordinary user.
 */
export function serverAccount(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of CANDIDATES) {
    const uid = idOf(['-u', name]);
    const gid = idOf(['-g', name]);
    if (uid !== null && gid !== null) return { name, uid, gid };
  }
  throw new Refusal(
    `Postgres does not run as root, and this machine has no account named ${CANDIDATES.join(' or ')}. ` +
      'Start PayFlow as an ordinary user, or set DATABASE_URL.',
  );
}

/** Whether the account can pass through this folder; a checkout below /root (0700) fails this. */
export function canReach(folder: string, account: Account): boolean {
  const { uid, gid } = account;
  return spawnSync('test', ['-x', folder], { uid, gid, cwd: '/' }).status === 0;
}

function idOf(args: readonly string[]): number | null {
  const run = spawnSync('id', args, { encoding: 'utf8' });
  return run.status === 0 ? Number(run.stdout.trim()) : null;
}

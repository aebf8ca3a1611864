import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { canReach } from './account.ts';
import type { Account } from './child.ts';

/** Where `payflow up` keeps its data: `.payflow` in the checkout, or PAYFLOW_HOME. */
export type Home = ReturnType<typeof openHome>;

export interface Secrets {
  readonly secret_key: string;
  readonly webhook_signing_secret: string;
  readonly bank_api_key: string;
  readonly bank_callback_secret: string;
  readonly postgres_password: string;
}

const SECRET_BYTES = 32;
const OUTSIDE = '/var/lib/payflow';
// Not `bin`: a downloaded program is no data.
const DATA = ['postgres', 'temporal', 'logs', 'secrets.json', 'demo.json', 'ports.json', 'run.json'];

export function openHome(wanted: string) {
  mkdirSync(wanted, { recursive: true });
  // The real path: it is compared with the folders in which processes say they work.
  const folder = realpathSync(wanted);
  // Others may pass (the account that Postgres runs as), not look: secrets below are 0600.
  chmodSync(folder, 0o711);
  const path = (...parts: string[]) => join(folder, ...parts);
  return {
    folder,
    path,
    logFile: (name: string) => path('logs', `${name}.log`),
    readJson: <T>(name: string): T | null => readJson(path(name)) as T | null,
    /** For the owner only, and never half written. */
    writeJson(name: string, value: unknown) {
      const file = path(name);
      const next = `${file}.${process.pid}`;
      writeFileSync(next, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
      renameSync(next, file);
    },
    remove: (name: string) => rmSync(path(name), { force: true }),
    /** The folder for Postgres' data; made by initdb. */
    postgresParent: (account: Account | undefined) => postgresParent(folder, account),
    /** Everything but downloaded programs. */
    throwAway(account: Account | undefined) {
      for (const name of DATA) rmSync(path(name), { recursive: true, force: true });
      rmSync(join(postgresParent(folder, account), 'postgres'), { recursive: true, force: true });
    },
    secrets(): Secrets {
      const kept = readJson(path('secrets.json')) as Secrets | null;
      if (kept) return kept;
      const made = newSecrets();
      this.writeJson('secrets.json', made);
      return made;
    },
  };
}

/**
 * In the home, unless the account cannot get there: a checkout below root's own 0700 folder. Then
 * at a fixed place outside, the same one at every start.
 */
function postgresParent(folder: string, account: Account | undefined): string {
  if (!account || canReach(folder, account)) return folder;
  const outside = join(OUTSIDE, createHash('sha256').update(folder).digest('hex').slice(0, 12));
  for (const each of [OUTSIDE, outside]) {
    mkdirSync(each, { recursive: true });
    chmodSync(each, 0o711);
  }
  return realpathSync(outside);
}

function newSecrets(): Secrets {
  const secret = () => randomBytes(SECRET_BYTES).toString('hex');
  return {
    secret_key: secret(),
    webhook_signing_secret: secret(),
    bank_api_key: secret(),
    bank_callback_secret: secret(),
    postgres_password: secret(),
  };
}

function readJson(file: string): unknown {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : null;
}

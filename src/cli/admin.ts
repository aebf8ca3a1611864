import { randomBytes } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { type Command, InvalidArgumentError } from 'commander';
import { passwordFault } from '../db/passwords.ts';
import { createPool } from '../db/pool.ts';
import { createUser } from '../db/users.ts';
import { Refusal } from '../local/refusal.ts';
import { databaseUrlOf } from './database-url.ts';
import type { Environment } from './environment.ts';

interface Options {
  readonly email: string;
  readonly name: string;
  readonly passwordStdin: boolean;
  readonly json: boolean;
}

interface NewAdmin {
  readonly email: string;
  readonly name: string;
  readonly password: string;
}

const PASSWORD_RANDOM_BYTES = 12;
const EMAIL = /^[^\s@]+@[^\s@]+\.[^\s@]+$/;

/** `payflow admin create`: nobody can register as an admin over HTTP. */
export function addAdmin(program: Command, environment: Environment): void {
  const admin = program.command('admin').description('accounts that may see and decide everything');
  admin
    .command('create')
    .description('create an admin account')
    .requiredOption('--email <email>', 'what the admin logs in with', checkEmail)
    .requiredOption('--name <name>', 'shown wherever the admin has acted')
    .option('--password-stdin', 'read the password from standard input (default: make one)', false)
    .option('--json', 'print the account as JSON', false)
    .action(async (options: Options) => {
      const { email, name } = options;
      const password = options.passwordStdin ? await readPassword(environment) : makePassword();
      const created = await createAdminIn(await databaseUrlOf(environment))({ email, name, password });
      if (!created) throw new Refusal(`There is an account with the e-mail ${email} already.`);
      const shown = { email, name, role: 'admin', ...(options.passwordStdin ? {} : { password }) };
      process.stdout.write(options.json ? `${JSON.stringify(shown)}\n` : describe(shown));
    });
}

/** Makes an admin account in that database; false if the e-mail is in use. */
export function createAdminIn(databaseUrl: string) {
  return async (account: NewAdmin): Promise<boolean> => {
    const pool = createPool({ url: databaseUrl, max: 1, applicationName: 'payflow-admin' });
    try {
      return (await createUser(pool, { ...account, role: 'admin' })) !== null;
    } finally {
      await pool.end();
    }
  };
}

async function readPassword({ development }: Environment): Promise<string> {
  const password = (await text(process.stdin)).replace(/\r?\n$/, '');
  const fault = passwordFault(password, { development });
  if (fault !== null) throw new Refusal(`The password is ${fault}.`);
  return password;
}

function makePassword(): string {
  return randomBytes(PASSWORD_RANDOM_BYTES).toString('base64url');
}

function checkEmail(email: string): string {
  if (!EMAIL.test(email)) throw new InvalidArgumentError('that is no e-mail address.');
  return email;
}

function describe({ email, name, password }: { email: string; name: string; password?: string }): string {
  const shown = password === undefined ? '' : `\nPassword (shown only now): ${password}`;
  return `Created the admin ${name} <${email}>.${shown}\n`;
}

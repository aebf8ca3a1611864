import type { Command } from 'commander';
import { migrate, NewerDatabase, pendingMigrations } from '../db/migrate.ts';
import { Refusal } from '../local/refusal.ts';
import { databaseUrlOf } from './database-url.ts';
import type { Environment } from './environment.ts';

interface Options {
  readonly dryRun: boolean;
}

/** `payflow migrate`: a deployment runs it once before it starts the new processes. */
export function addMigrate(program: Command, environment: Environment): void {
  program
    .command('migrate')
    .description('bring the tables of the database up to this version')
    .option('--dry-run', 'only say what would be run', false)
    .action(async ({ dryRun }: Options) => {
      const url = await databaseUrlOf(environment);
      const names = await (dryRun ? pendingMigrations(url).catch(explain) : migrateTables(url));
      const lines = names.length === 0 ? ['The tables are up to date.'] : names;
      process.stdout.write(`${lines.join('\n')}\n`);
    });
}

/** As `migrate`, but what a person can mend is a Refusal. */
export function migrateTables(url: string): Promise<string[]> {
  return migrate(url).catch(explain);
}

function explain(error: unknown): never {
  throw error instanceof NewerDatabase ? new Refusal(error.message) : error;
}

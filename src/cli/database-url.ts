import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkDatabase } from '../local/database-check.ts';
import { Refusal } from '../local/refusal.ts';
import type { Environment } from './environment.ts';

/** DATABASE_URL, else the database of the `payflow up` that runs in this home. */
export async function databaseUrlOf(environment: Environment): Promise<string> {
  const url = environment.databaseUrl ?? urlOfRunning(environment);
  await checkDatabase(url, 'DATABASE_URL');
  return url;
}

function urlOfRunning({ home }: Environment): string {
  const file = join(home, 'run.json');
  if (!existsSync(file)) {
    throw new Refusal(`Which database? Set DATABASE_URL, or start PayFlow first (nothing runs in ${home}).`);
  }
  return (JSON.parse(readFileSync(file, 'utf8')) as { database_url: string }).database_url;
}

#!/usr/bin/env node
import { Command } from 'commander';
import { Refusal } from '../local/refusal.ts';
import { addAdmin } from './admin.ts';
import { addAudit } from './audit.ts';
import { readEnvironment } from './environment.ts';
import { addMigrate } from './migrate.ts';
import { addTemporal } from './temporal.ts';
import { addUp } from './up.ts';

const program = new Command('payflow')
  .description('PayFlow, a self-hosted payment gateway')
  .showHelpAfterError('(--help shows what there is)');
const environment = readEnvironment();
addUp(program, environment);
addMigrate(program, environment);
addTemporal(program, environment);
addAdmin(program, environment);
addAudit(program, environment);

try {
  await program.parseAsync();
} catch (error) {
  const { message, stack = message } = error as Error;
  process.stderr.write(`${error instanceof Refusal ? message : stack}\n`);
  process.exitCode = 1;
}

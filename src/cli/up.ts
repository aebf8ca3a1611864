import { type Command, InvalidArgumentError, Option } from 'commander';
import { type Config, loadConfig } from '../config.ts';
import { Refusal } from '../local/refusal.ts';
import { up } from '../local/up.ts';
import { createAdminIn } from './admin.ts';
import type { Environment } from './environment.ts';
import { migrateTables } from './migrate.ts';

interface Options extends Record<keyof typeof PORTS, number> {
  readonly fresh?: true;
}

const PORT_MAX = 65_535;

const PORTS = {
  port: { variable: 'PORT', option: '--port', standard: 8000, what: 'the API' },
  bankPort: {
    variable: 'PAYFLOW_BANK_PORT',
    option: '--bank-port',
    standard: 8010,
    what: 'the simulated bank',
  },
  temporalPort: {
    variable: 'PAYFLOW_TEMPORAL_PORT',
    option: '--temporal-port',
    standard: 7233,
    what: 'Temporal',
  },
  uiPort: { variable: 'PAYFLOW_UI_PORT', option: '--ui-port', standard: 8233, what: "Temporal's pages" },
  postgresPort: {
    variable: 'PAYFLOW_POSTGRES_PORT',
    option: '--postgres-port',
    standard: 0,
    what: 'Postgres',
  },
} as const;

/** `payflow up`, which is what `npm start` runs. */
export function addUp(program: Command, environment: Environment): void {
  const command = program
    .command('up')
    .description('run PayFlow on this machine: Postgres, Temporal, bank, API and worker')
    .option('--fresh', 'throw away the data of earlier runs first')
    .addHelpText('after', HELP);
  for (const { variable, option, standard, what } of Object.values(PORTS)) {
    const described = new Option(`${option} <number>`, `port of ${what}; 0 = any free one`);
    command.addOption(described.env(variable).default(standard).argParser(parsePort));
  }
  command.action(async (options: Options) => {
    const { home, build, databaseUrl, temporalAddress, inherited } = environment;
    const code = await up({
      home,
      build,
      databaseUrl,
      temporalAddress,
      wishes: {
        api: wish(options, 'port'),
        bank: wish(options, 'bankPort'),
        temporal: wish(options, 'temporalPort'),
        ui: wish(options, 'uiPort'),
        postgres: wish(options, 'postgresPort'),
      },
      fresh: options.fresh === true,
      watchParent: environment.startedByNpm,
      env: inherited,
      gateway: { readConfig, migrate: migrateTables, createAdmin: createAdminIn },
      output: process.stdout,
    });
    // Whatever a start that was interrupted still has under way is not waited for.
    process.exit(code);
  });
}

const HELP = `
With DATABASE_URL or TEMPORAL_ADDRESS set, those servers are used and none of ours is started.
PAYFLOW_HOME moves the data (default: .payflow in the checkout).`;

function readConfig(env: Readonly<Record<string, string>>): Config {
  try {
    return loadConfig(env);
  } catch (error) {
    throw new Refusal((error as Error).message);
  }
}

function wish(options: Options, name: keyof typeof PORTS) {
  const { variable, option } = PORTS[name];
  return { port: options[name], variable, option };
}

function parsePort(text: string): number {
  if (/^\d+$/.test(text) && Number(text) <= PORT_MAX) return Number(text);
  throw new InvalidArgumentError(`A port is a number from 0 to ${PORT_MAX}.`);
}

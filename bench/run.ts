import { Command, InvalidArgumentError, Option } from 'commander';
import { readEnvironment } from '../src/cli/environment.ts';
import { Refusal } from '../src/local/refusal.ts';
import { createSteps } from '../src/local/steps.ts';
import { createEnding, endOnRequest, type Ending } from './ending.ts';
import { benchEngine, type EngineReport } from './engine.ts';
import { chooseEngine, ENGINES, type Engine } from './engine-choice.ts';
import { faultsOf, goalsOf, textOf } from './report.ts';
import { findGo, keptPrograms } from './temporal-programs.ts';

/** `npm run bench -- engine`: figures with their baseline in the same run. Never part of the tests. */

interface Flags {
  readonly engine?: Engine;
  readonly orders: number;
  readonly rounds: number;
  readonly concurrency: number;
  readonly gate?: true;
  readonly json?: true;
}

const ROUNDS = 5;

const program = new Command('bench').description('Measures PayFlow beside its floors.');
program
  .command('engine')
  .description('captured orders per second and pay latency beside a bare workflow and the usual shape')
  .addOption(new Option('--engine <which>', 'the Temporal to measure on').choices(ENGINES))
  .option('--orders <n>', 'orders per round and contender', count, 150)
  .option('--rounds <n>', 'rounds', count, ROUNDS)
  .option('--concurrency <n>', 'payers at a time', count, 16)
  .option('--gate', 'exit with 1 when a goal is missed too')
  .option('--json', 'print the report, with every turn, as JSON')
  .addHelpText(
    'after',
    `
--engine postgres  a Temporal of our own on Postgres persistence, built with go once and kept in .payflow/bin
--engine local     the development server of \`npm start\`: one SQLite connection
--engine given     the server at TEMPORAL_ADDRESS, and PayFlow's own database at DATABASE_URL if that is set
Without it: given if TEMPORAL_ADDRESS is set, else postgres if there is go, else local.`,
  )
  .action(engine);
await program.parseAsync();

async function engine(flags: Flags): Promise<void> {
  const steps = createSteps(process.stderr);
  const ending = createEnding();
  endOnRequest(ending);
  try {
    const report = await bench(flags, { steps, ending });
    process.stdout.write(flags.json === true ? `${JSON.stringify(report, null, 2)}\n` : textOf(report));
    const isMissed = flags.gate === true && goalsOf(report).some(({ isMet }) => !isMet);
    process.exitCode = faultsOf(report).length > 0 || isMissed ? 1 : 0;
  } catch (error) {
    const { message, stack = message } = error as Error;
    steps.line(error instanceof Refusal ? message : stack);
    process.exitCode = 1;
  } finally {
    await ending.run();
    // Connections are not closed one by one: what a failure left under way on them would throw.
    process.exit();
  }
}

async function bench(
  { engine: wanted, orders, rounds, concurrency }: Flags,
  deps: { steps: ReturnType<typeof createSteps>; ending: Ending },
): Promise<EngineReport> {
  const { build, home, inherited: env, temporalAddress } = readEnvironment();
  const search = { home, env };
  const choice = chooseEngine({
    wanted,
    temporalAddress,
    programs: keptPrograms(search) !== null,
    go: findGo(search) !== null,
  });
  deps.steps.line(`Measuring on ${choice.engine}: ${choice.why}.`);
  if (rounds < ROUNDS) deps.steps.line(`Fewer than ${ROUNDS} rounds: the medians mean little.`);
  return benchEngine({ ...deps, build, search, choice, rounds, load: { orders, concurrency } });
}

function count(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number > 0) return number;
  throw new InvalidArgumentError('It is a number from 1 on.');
}

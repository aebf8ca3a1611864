import { Command, InvalidArgumentError, Option } from 'commander';
import { createEnding, endOnRequest } from '../bench/ending.ts';
import { ownServers } from '../bench/stack.ts';
import { readEnvironment } from '../src/cli/environment.ts';
import { TARGETS, type Target } from './kill.ts';
import { PATHS, QUICK_PATHS, type Path } from './paths.ts';
import { sweep } from './sweep.ts';
import { isSound, report, table } from './table.ts';

/** `npm run chaos -- sweep`: PayFlow's processes are killed, one at a time, at every step. */

interface Flags {
  readonly path?: string[];
  readonly process?: Target[];
  readonly quick?: boolean;
  readonly stacks: number;
  readonly json?: boolean;
}

const STACKS = 2;

const program = new Command('chaos').description('Kills PayFlow, and looks at what becomes of the money.');
program
  .command('sweep')
  .description('kill -9 each process at each step of each path of the order workflow, then the auditor')
  .option('--path <words...>', 'only paths whose name has one of these in it')
  .option('--quick', `only ${QUICK_PATHS.map((name) => `"${name}"`).join(' and ')}, each step once`)
  .addOption(new Option('--process <names...>', 'kill only these').choices(TARGETS))
  .option('--stacks <n>', 'share the work among so many PayFlows', parseCount, STACKS)
  .option('--json', 'print the report as JSON')
  .action(runSweep);
await program.parseAsync();

async function runSweep(flags: Flags): Promise<void> {
  const { build, home, inherited } = readEnvironment();
  const ending = createEnding();
  endOnRequest(ending);
  try {
    const swept = await sweep({
      build,
      env: await ownServers({ home, env: inherited }),
      ending,
      paths: PATHS.filter((path) => isWanted(path, flags)),
      targets: flags.process ?? TARGETS,
      quick: flags.quick === true,
      stacks: flags.stacks,
      say: (line) => process.stderr.write(`${line}\n`),
    });
    process.stdout.write(flags.json === true ? `${JSON.stringify(report(swept), null, 2)}\n` : table(swept));
    process.exitCode = isSound(swept) ? 0 : 1;
  } finally {
    await ending.run();
  }
}

function isWanted({ name }: Path, { path, quick }: Flags): boolean {
  if (quick === true) return QUICK_PATHS.includes(name);
  return path?.some((words) => name.includes(words)) ?? true;
}

function parseCount(text: string): number {
  if (/^[1-9]\d?$/.test(text)) return Number(text);
  throw new InvalidArgumentError('That is no number from 1 to 99.');
}

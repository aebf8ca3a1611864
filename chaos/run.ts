import { Command, InvalidArgumentError, Option } from 'commander';
import { createEnding, endOnRequest } from '../bench/ending.ts';
import { ownServers } from '../bench/stack.ts';
import { readEnvironment } from '../src/cli/environment.ts';
import { TARGETS, type Target } from './kill.ts';
import { PATHS, QUICK_PATHS, type Path } from './paths.ts';
import { sweep } from './sweep.ts';
import { stormText } from './storm-report.ts';
import { storm } from './storm.ts';
import { isSound, report, table } from './table.ts';
import type { WorldOptions } from './world.ts';

/** `npm run chaos -- sweep | storm`: PayFlow's processes are killed, at every step or all the time. */

interface Flags {
  readonly path?: string[];
  readonly process?: Target[];
  readonly quick?: boolean;
  readonly stacks: number;
  readonly json?: boolean;
}

interface StormFlags {
  readonly orders: number;
  readonly submits: number;
  readonly seconds: number;
  readonly every: number;
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
program
  .command('storm')
  .description('many payers at once for every order, some refunds, and a kill -9 every few seconds')
  .option('--orders <n>', 'orders', parseNumber, 200)
  .option('--submits <n>', 'payers at once for each order', parseNumber, 100)
  .option('--seconds <n>', 'how long', parseNumber, 180)
  .option('--every <n>', 'seconds between two kills', parseNumber, 5)
  .option('--json', 'print the report as JSON')
  .action(runStorm);
await program.parseAsync();

function runSweep(flags: Flags): Promise<void> {
  return inWorld(async (world) => {
    const swept = await sweep({
      ...world,
      paths: PATHS.filter((path) => isWanted(path, flags)),
      targets: flags.process ?? TARGETS,
      quick: flags.quick === true,
      stacks: flags.stacks,
      say,
    });
    process.stdout.write(flags.json === true ? json(report(swept)) : table(swept));
    return isSound(swept);
  });
}

function runStorm({ orders, submits, seconds, every, json: asJson }: StormFlags): Promise<void> {
  return inWorld(async (world) => {
    const ended = await storm({ ...world, orders, submits, seconds, killEverySeconds: every, say });
    process.stdout.write(asJson === true ? json(ended) : stormText(ended));
    return ended.faults.length === 0;
  });
}

/** Whatever is started for it is ended with it. */
async function inWorld(act: (world: WorldOptions) => Promise<boolean>): Promise<void> {
  const { build, home, inherited } = readEnvironment();
  const ending = createEnding();
  endOnRequest(ending);
  try {
    const env = await ownServers({ home, env: inherited });
    process.exitCode = (await act({ build, env, ending })) ? 0 : 1;
  } finally {
    await ending.run();
  }
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

function json(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

function isWanted({ name }: Path, { path, quick }: Flags): boolean {
  if (quick === true) return QUICK_PATHS.includes(name);
  return path?.some((words) => name.includes(words)) ?? true;
}

function parseNumber(text: string): number {
  if (/^[1-9]\d{0,4}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('That is no number from 1 to 99999.');
}

function parseCount(text: string): number {
  if (/^[1-9]\d?$/.test(text)) return Number(text);
  throw new InvalidArgumentError('That is no number from 1 to 99.');
}

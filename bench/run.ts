import { Command } from 'commander';
import { readEnvironment } from '../src/cli/environment.ts';
import { benchEngine, type EngineReport } from './engine.ts';

/** `npm run bench -- engine`: figures with their baseline in the same run. Never part of the tests. */

interface Flags {
  readonly orders: string;
  readonly rounds: string;
  readonly concurrency: string;
  readonly json?: boolean;
}

const program = new Command('bench').description('Measures PayFlow beside its floors.');
program
  .command('engine')
  .description('captured orders per second and pay latency beside a bare workflow and the usual shape')
  .option('--orders <n>', 'orders per round and contender', '200')
  .option('--rounds <n>', 'rounds', '5')
  .option('--concurrency <n>', 'payers at a time', '16')
  .option('--json', 'print the report as JSON')
  .addHelpText('after', '\nTEMPORAL_ADDRESS and DATABASE_URL name servers to use instead of private ones.')
  .action(async (flags: Flags) => {
    const report = await benchEngine({
      orders: Number(flags.orders),
      rounds: Number(flags.rounds),
      concurrency: Number(flags.concurrency),
      env: readEnvironment().inherited,
      say: (line) => process.stderr.write(`${line}\n`),
    });
    process.stdout.write(flags.json === true ? `${JSON.stringify(report, null, 2)}\n` : table(report));
    process.exitCode = report.errors === 0 ? 0 : 1;
  });
await program.parseAsync();

function table(report: EngineReport): string {
  const rows = Object.entries(report.contenders).map(([name, summary]) =>
    [
      name.padEnd(8),
      `${summary.ordersPerSecond.toFixed(1)} orders/s`,
      `pay p50 ${summary.payP50.toFixed(0)} ms`,
      `p99 ${summary.payP99.toFixed(0)} ms`,
      `alone ${summary.aloneP50.toFixed(1)} ms`,
      `${summary.historyLength} events`,
      `${summary.transitions} transitions`,
    ].join('  '),
  );
  const ratios = Object.entries(report.ratios).map(
    ([name, { median, spread }]) =>
      `PayFlow / ${name}: ${median.toFixed(2)} (spread ${(100 * spread).toFixed(0)} %)`,
  );
  return [
    `Temporal: ${report.temporal}`,
    ...rows,
    ...ratios,
    `a pay alone beyond the bare workflow: ${report.aloneBeyondBareMs.toFixed(1)} ms`,
    `errors ${report.errors}, webhooks ${report.webhooks.arrived} of ${report.webhooks.expected}`,
    '',
  ].join('\n');
}

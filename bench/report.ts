import { OTHERS, type CpuMs } from './cpu.ts';
import type { EngineReport, Summary } from './engine.ts';
import type { Spread } from './rounds.ts';

export interface Goal {
  readonly what: string;
  readonly wanted: string;
  readonly measured: string;
  readonly isMet: boolean;
}

const RATIO_TO_BARE_MIN = 0.7;
const RATIO_TO_USUAL_MIN = 1.4;
const ALONE_BEYOND_BARE_MS_MAX = 12;

/** What the design promises, by the medians. */
export function goalsOf({ ratios, aloneBeyondBareMs }: EngineReport): Goal[] {
  const { bare, usual } = ratios;
  return [
    {
      what: 'orders/s, PayFlow / bare',
      wanted: `≥ ${RATIO_TO_BARE_MIN.toFixed(2)}`,
      measured: shown(bare, 2),
      isMet: bare.median >= RATIO_TO_BARE_MIN,
    },
    {
      what: 'orders/s, PayFlow / usual',
      wanted: `≥ ${RATIO_TO_USUAL_MIN.toFixed(2)}`,
      measured: shown(usual, 2),
      isMet: usual.median >= RATIO_TO_USUAL_MIN,
    },
    {
      what: 'pay p50 alone, PayFlow − bare',
      wanted: `≤ ${ALONE_BEYOND_BARE_MS_MAX} ms`,
      measured: `${shown(aloneBeyondBareMs, 1)} ms`,
      isMet: aloneBeyondBareMs.median <= ALONE_BEYOND_BARE_MS_MAX,
    },
  ];
}

/** What makes all figures worthless. */
export function faultsOf({ errors, webhooks }: EngineReport): string[] {
  const { expected, arrived } = webhooks;
  return [
    ...(errors.length === 0 ? [] : [`${errors.length} errors, the first: ${errors[0]}`]),
    ...(arrived === expected ? [] : [`${arrived} webhooks arrived, expected were ${expected}`]),
  ];
}

/** For people. */
export function textOf(report: EngineReport): string {
  const { choice, server, load, webhooks } = report;
  const faults = faultsOf(report);
  return [
    `Temporal ${server.version} on ${server.persistence} (${choice.engine}: ${choice.why})`,
    `${load.rounds} rounds of ${load.orders} orders, ${load.concurrency} at a time; medians of the rounds (lowest–highest)`,
    '',
    ...measuredTable(report.contenders),
    '',
    ...goalTable(goalsOf(report)),
    '',
    ...cpuTable(report.contenders),
    '',
    `Errors 0, webhooks ${webhooks.arrived} of ${webhooks.expected}.`,
  ]
    .slice(0, faults.length === 0 ? undefined : -1)
    .concat(
      faults.map((fault) => `WORTHLESS: ${fault}`),
      '',
    )
    .join('\n');
}

function measuredTable(contenders: Readonly<Record<string, Summary>>): string[] {
  const rows = Object.entries(contenders).map(([name, summary]) => [
    name,
    shown(summary.ordersPerSecond, 1),
    shown(summary.payP50, 0),
    shown(summary.payP99, 0),
    shown(summary.aloneP50, 1),
    shown(summary.settledMs, 0),
    String(summary.historyLength),
    String(summary.transitions),
  ]);
  const head = [
    '',
    'orders/s',
    'pay p50 ms',
    'pay p99 ms',
    'alone p50 ms',
    'settled ms',
    'events',
    'transitions',
  ];
  return columns([head, ...rows]);
}

function goalTable(goals: readonly Goal[]): string[] {
  const rows = goals.map(({ what, wanted, measured, isMet }) => [
    what,
    wanted,
    measured,
    isMet ? 'met' : 'MISSED',
  ]);
  return columns([['goal', 'wanted', 'measured', ''], ...rows]);
}

function cpuTable(contenders: Readonly<Record<string, Summary>>): string[] {
  const all = Object.entries(contenders).map(([name, { cpuMsPerOrder }]) => ({ name, cpu: cpuMsPerOrder }));
  const processes = Object.keys(all[0]?.cpu ?? {});
  if (processes.length === 0) {
    return ['CPU time by process is left out: only Linux tells it in a way that is read here.'];
  }
  const row = (title: string, msOf: (cpu: CpuMs) => number | undefined) => [
    title,
    ...all.map(({ cpu }) => (msOf(cpu ?? {}) ?? NaN).toFixed(1)),
  ];
  return columns([
    ['CPU ms per order', ...all.map(({ name }) => name)],
    ...processes.filter((name) => name !== OTHERS).map((name) => row(name, (cpu) => cpu[name])),
    row('sum', sumOfOurs),
    row(OTHERS, (cpu) => cpu[OTHERS]),
  ]).concat(processes.includes('Temporal') ? [] : ['Temporal is not ours: its CPU time is not seen.']);
}

function sumOfOurs(cpu: CpuMs): number {
  const ours = Object.entries(cpu).filter(([name]) => name !== OTHERS);
  return ours.reduce((sum, [, ms]) => sum + ms, 0);
}

function shown({ median, lowest, highest }: Spread, digits: number): string {
  return `${median.toFixed(digits)} (${lowest.toFixed(digits)}–${highest.toFixed(digits)})`;
}

/** The first column to the left, the others to the right. */
function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)))
      .join('  ')
      .trimEnd(),
  );
}

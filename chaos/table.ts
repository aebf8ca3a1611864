import type { Result } from './group.ts';
import { TARGETS } from './kill.ts';
import { stopName } from './steps.ts';
import { faultLine, type Sweep } from './sweep.ts';

/** The whole sweep for people: paths with their steps down, processes across, and below what went wrong. */
export function table({ courses, results, audits }: Sweep): string {
  const rows = courses.flatMap(({ path, stops }) => [
    path.name,
    ...stops.map((stop) => {
      const about = { path: path.name, stop: stopName(stop) };
      const marks = TARGETS.map((target) => mark(find(results, { ...about, target })));
      return `  ${about.stop.padEnd(STEP_WIDTH)}${marks.join('')}`;
    }),
  ]);
  const differences = audits.flatMap((audit) => audit.differences);
  const sum = (what: 'orders' | 'bank_entries') => audits.reduce((total, audit) => total + audit[what], 0);
  const faulty = results.filter(({ faults }) => faults.length > 0);
  return [
    `${' '.repeat(STEP_WIDTH + 2)}${TARGETS.map((target) => target.padEnd(MARK_WIDTH)).join('')}`,
    ...rows,
    '',
    ...faulty.map(faultLine),
    ...differences.map(({ line }) => `auditor: ${line}`),
    `${results.length} cells, ${results.length - faulty.length} as they should be; ` +
      `auditor: ${sum('orders')} orders, ${sum('bank_entries')} entries of the bank's journal, ` +
      `${differences.length} differences`,
    '',
  ].join('\n');
}

/** The same for scripts. */
export function report({ results, audits }: Sweep) {
  return {
    cells: results.map(({ cell, orderRef, faults }) => ({
      path: cell.course.path.name,
      step: stopName(cell.stop),
      process: cell.target,
      order_ref: orderRef,
      faults,
    })),
    audits,
  };
}

/** Everything that was to be shown has been shown. */
export function isSound({ results, audits }: Sweep): boolean {
  return (
    results.length > 0 &&
    results.every(({ faults }) => faults.length === 0) &&
    audits.every(({ differences }) => differences.length === 0)
  );
}

const STEP_WIDTH = 26;
const MARK_WIDTH = 12;

function find(results: readonly Result[], wanted: { path: string; stop: string; target: string }) {
  return results.find(
    ({ cell }) =>
      cell.course.path.name === wanted.path &&
      stopName(cell.stop) === wanted.stop &&
      cell.target === wanted.target,
  );
}

/** ✓, ✗, or nothing where no order was sent. */
function mark(result: Result | undefined): string {
  if (result === undefined) return ' '.repeat(MARK_WIDTH);
  return (result.faults.length === 0 ? '✓' : '✗').padEnd(MARK_WIDTH);
}

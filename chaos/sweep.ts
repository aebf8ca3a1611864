import { audit, type Audit } from './audit.ts';
import { cellName, cellsOf, eachStepOnce, groupsOf, type Cell, type Course } from './cells.ts';
import { courseOf } from './courses.ts';
import { runGroup, type Result } from './group.ts';
import type { Target } from './kill.ts';
import type { Path } from './paths.ts';
import { healthy, startWorld, type World, type WorldOptions } from './world.ts';

export interface SweepOptions extends WorldOptions {
  readonly paths: readonly Path[];
  readonly targets: readonly Target[];
  /** Each step on one path only. */
  readonly quick: boolean;
  /** How many PayFlows share the work: most of the time is spent waiting for one to recover. */
  readonly stacks: number;
  readonly say: (line: string) => void;
}

export interface Sweep {
  readonly courses: readonly Course[];
  /** One per cell. */
  readonly results: readonly Result[];
  /** One per PayFlow. */
  readonly audits: readonly Audit[];
}

/**
 * How many orders come to their steps together. More of them would take longer to come than the first
 * may stand; what was missed comes again in smaller groups, at last alone.
 */
const GROUP_CELLS = 14;
/** An order can come to a step too early or too late for the kill. */
const TRIES_MAX = 6;

/** Every step of every path × every process: killed exactly there, healed, settled, audited. */
export async function sweep(options: SweepOptions): Promise<Sweep> {
  const { stacks, say } = options;
  say(`starting PayFlow${stacks > 1 ? `, ${stacks} times` : ''}`);
  const worlds = await Promise.all(Array.from({ length: stacks }, () => startWorld(options)));
  const found = await findCourses(worlds, options.paths);
  const courses = options.quick ? eachStepOnce(found) : found;
  const cells = cellsOf(courses, options.targets);
  say(`${courses.length} paths, ${cells.length} cells`);
  const results = await runAll(worlds, cells, say);
  const audits = await Promise.all(worlds.map((world) => audit(world, options)));
  return { courses, results: results.map((result) => withAudit(result, audits)), audits };
}

async function findCourses(worlds: readonly World[], paths: readonly Path[]): Promise<Course[]> {
  const courses = new Map<Path, Course>();
  await share(worlds, paths, async (world, path) => {
    courses.set(path, await courseOf(world, path));
  });
  return paths.flatMap((path) => courses.get(path) ?? []);
}

/** Cells that were not at their step in time come again, with new orders. */
async function runAll(
  worlds: readonly World[],
  cells: readonly Cell[],
  say: SweepOptions['say'],
): Promise<Result[]> {
  const results: Result[] = [];
  let missing = cells;
  for (let tries = 1; tries <= TRIES_MAX && missing.length > 0; tries += 1) {
    const missed: Result[] = [];
    const size = Math.ceil(GROUP_CELLS / 2 ** (tries - 1));
    await share(worlds, groupsOf(missing, size), async (world, group) => {
      const began = performance.now();
      const ran = await runGroup(world, group);
      await healthy(world);
      for (const result of ran) (isOver(result) ? results : missed).push(result);
      const seconds = ((performance.now() - began) / 1_000).toFixed(0);
      say(`${results.length} of ${cells.length}: ${group[0]!.target} killed, ${seconds} s`);
      for (const result of ran.filter(({ faults }) => faults.length > 0)) say(`  ${faultLine(result)}`);
    });
    missing = missed.map(({ cell }) => cell);
    if (tries === TRIES_MAX) results.push(...missed.map(neverReached));
  }
  return results;
}

function isOver({ reached, faults }: Result): boolean {
  return reached || faults.length > 0;
}

function neverReached(result: Result): Result {
  return { ...result, faults: ['no order stood here when the process was killed, in any try'] };
}

export function faultLine({ cell, orderRef, faults }: Result): string {
  return `✗ ${cellName(cell)} (${orderRef}): ${faults.join('; ')}`;
}

/** Each worker takes the next piece as soon as it has done its last. */
async function share<W, P>(
  workers: readonly W[],
  pieces: readonly P[],
  work: (worker: W, piece: P) => Promise<void>,
): Promise<void> {
  const queue = pieces.values();
  await Promise.all(
    workers.map(async (worker) => {
      for (const piece of queue) await work(worker, piece);
    }),
  );
}

/** What an auditor found about an order is a fault of its cell. */
function withAudit(result: Result, audits: readonly Audit[]): Result {
  const found = audits.flatMap(({ differences }) => differences);
  const mine = found.filter(({ ref }) => ref === result.orderRef).map(({ line }) => line);
  return { ...result, faults: [...result.faults, ...mine] };
}

import type { Passed } from './controller.ts';
import { TARGETS, type Target } from './kill.ts';
import type { Path } from './paths.ts';
import { stopName, type Stop } from './steps.ts';

/** What an undisturbed order on a path passes, and how it ends. */
export interface Course {
  readonly path: Path;
  readonly stops: readonly Passed[];
  /** See Standing. */
  readonly end: string;
}

/** One order on one path that stands at one step while one process is killed. */
export interface Cell {
  readonly course: Course;
  readonly stop: Passed;
  readonly target: Target;
}

export function cellName({ course, stop, target }: Cell): string {
  return `${course.path.name}, ${stopName(stop)}, ${target} killed`;
}

/** Steps that every one of several undisturbed orders has passed; how often one asks again is chance. */
export function commonStops(orders: readonly (readonly Passed[])[]): Passed[] {
  const [first = [], ...others] = orders;
  return first.filter((stop) => others.every((passed) => passed.some((other) => isSame(stop, other))));
}

/** Each step on the first of the paths that has it, for those who cannot wait. */
export function eachStepOnce(courses: readonly Course[]): Course[] {
  const seen = new Set<string>();
  return courses.map((course) => {
    const stops = course.stops.filter(({ step }) => !seen.has(step));
    for (const { step } of stops) seen.add(step);
    return { ...course, stops };
  });
}

function isSame(one: Stop, other: Stop): boolean {
  return one.step === other.step && one.occurrence === other.occurrence;
}

export function cellsOf(courses: readonly Course[], targets: readonly Target[] = TARGETS): Cell[] {
  return courses.flatMap((course) =>
    course.stops.flatMap((stop) => targets.map((target) => ({ course, stop, target }))),
  );
}

/**
 * Cells that one kill can serve: the same process, and steps that lie about equally far into their
 * paths. The processes take turns, so that the supervisor's back-off does not grow.
 */
export function groupsOf(cells: readonly Cell[], size: number): Cell[][] {
  const byTarget = TARGETS.map((target) => {
    const mine = cells.filter((cell) => cell.target === target);
    const sorted = mine.toSorted((one, other) => one.stop.atMs - other.stop.atMs);
    return Array.from({ length: Math.ceil(sorted.length / size) }, (_, group) =>
      sorted.slice(group * size, (group + 1) * size),
    );
  });
  const rounds = Math.max(0, ...byTarget.map((groups) => groups.length));
  return Array.from({ length: rounds }, (_, round) =>
    byTarget.flatMap((groups) => groups.slice(round, round + 1)),
  ).flat();
}

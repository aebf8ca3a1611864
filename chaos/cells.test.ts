import { cellsOf, commonStops, eachStepOnce, groupsOf, type Course } from './cells.ts';
import type { Passed } from './controller.ts';
import type { Step } from './steps.ts';

const stop = (step: Step, atMs: number, occurrence = 1): Passed => ({ step, occurrence, atMs });
const course = (name: string, stops: readonly Passed[]): Course => ({
  path: { name, run: () => Promise.resolve() },
  stops,
  end: 'paid',
});

test('a step that not every undisturbed order passes is none', () => {
  const asks = (times: number) =>
    Array.from({ length: times }, (_, index) => stop('fetch:before', index, index + 1));
  expect(commonStops([asks(3), asks(2), asks(4)]).map(({ occurrence }) => occurrence)).toEqual([1, 2]);
});

test('a cell for every step × process', () => {
  const courses = [course('paid', [stop('api:accepted', 0), stop('record:returned', 9)])];
  const cells = cellsOf(courses, ['worker', 'bank', 'api']);
  expect(cells).toHaveLength(6);
});

test('each step once: on the first path that has it', () => {
  const paid = course('paid', [stop('api:accepted', 0), stop('authorize:before', 1)]);
  const refunded = course('refunded', [stop('api:accepted', 0), stop('refund:before', 1)]);
  const steps = eachStepOnce([paid, refunded]).map(({ stops }) => stops.map(({ step }) => step));
  expect(steps).toEqual([['api:accepted', 'authorize:before'], ['refund:before']]);
});

test('a group has one process, steps that lie close to each other, and no cell is lost', () => {
  const stops = Array.from({ length: 25 }, (_, index) => stop('fetch:before', index, index + 1));
  const cells = cellsOf([course('slow', stops)], ['worker', 'bank']);
  const groups = groupsOf(cells, 10);
  expect(new Set(groups.flat())).toEqual(new Set(cells));
  expect(groups.map((group) => group.length)).toEqual([10, 10, 10, 10, 5, 5]);
  for (const group of groups) expect(new Set(group.map(({ target }) => target)).size).toBe(1);
  const farthest = (group: typeof cells) => Math.max(...group.map(({ stop: { atMs } }) => atMs));
  expect(groups.map(farthest)).toEqual([9, 9, 19, 19, 24, 24]);
});

test('the processes take turns', () => {
  const stops = Array.from({ length: 4 }, (_, index) => stop('fetch:before', index, index + 1));
  const groups = groupsOf(cellsOf([course('slow', stops)], ['worker', 'api']), 2);
  expect(groups.map(([cell]) => cell?.target)).toEqual(['worker', 'api', 'worker', 'api']);
});

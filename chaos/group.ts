import { setTimeout as sleep } from 'node:timers/promises';
import type { Standing } from './books.ts';
import type { Cell } from './cells.ts';
import { reasonOf, type Answer } from './client.ts';
import type { Armed } from './controller.ts';
import { kill } from './kill.ts';
import { askAgain, type Walk } from './merchant.ts';
import { NOTHING_BEFORE } from './paths.ts';
import { settled, type World } from './world.ts';

export interface Result {
  readonly cell: Cell;
  readonly orderRef: string;
  /** Whether it stood at its step when the process was killed. */
  readonly reached: boolean;
  /** What is wrong with it; empty: nothing. */
  readonly faults: readonly string[];
}

/**
 * How long the first of a group stands in the worker before the kill. A local activity is given up and
 * tried again after 2 s: whoever stands for longer does not stand at this step any more.
 */
const STAND_MS_MAX = 1_500;
/** How much later than undisturbed an order may come to its step. */
const COME_MS_MAX = 8_000;
const POLL_MS = 5;

interface Runner {
  readonly cell: Cell;
  readonly walk: Walk;
  readonly before: Answer;
  readonly armed: Armed;
}

/**
 * For cells of one process: brings each one's order to its step, kills the process while all of them stand there, lets them go,
 * and looks at what became of every one of them once everything is settled.
 */
export async function runGroup(world: World, cells: readonly Cell[]): Promise<Result[]> {
  const runners = await Promise.all(cells.map((cell) => prepare(world, cell)));
  const walking = runners.map((runner) => start(runner, cells));
  const standing = await allStand(runners);
  if (standing.length > 0) {
    const passages = standing.flatMap(({ armed }) => armed.standing() ?? []);
    await kill(world.run(), cells[0]!.target, passages);
  }
  for (const { armed } of runners) armed.release();
  const broken = await Promise.all(walking);
  const ends = runners.map(({ cell, walk }) => [walk.orderRef, isAtEndOf(cell)] as const);
  const standings = await settled(world.books, new Map(ends));
  return Promise.all(
    runners.map(async (runner, index) => ({
      cell: runner.cell,
      orderRef: runner.walk.orderRef,
      reached: standing.includes(runner),
      faults: [
        ...(broken[index] ?? []),
        ...(await faultsOf(world, runner, standings.get(runner.walk.orderRef))),
      ],
    })),
  );
}

async function prepare({ controller, merchant }: World, cell: Cell): Promise<Runner> {
  const { path } = cell.course;
  const walk = await merchant.newWalk(path.order ?? {});
  const before = (await path.before?.(walk)) ?? NOTHING_BEFORE;
  controller.watch(walk.orderRef);
  return { cell, walk, before, armed: controller.arm(walk.orderRef, cell.stop) };
}

/** Those with a long way to go start first, so that all come to their steps together. */
async function start({ cell, walk, before }: Runner, cells: readonly Cell[]): Promise<string[]> {
  const farthest = Math.max(...cells.map(({ stop }) => stop.atMs));
  await sleep(farthest - cell.stop.atMs);
  try {
    await cell.course.path.run(walk, before);
    return [];
  } catch (error) {
    return [(error as Error).message];
  }
}

async function allStand(runners: readonly Runner[]): Promise<Runner[]> {
  const farthest = Math.max(...runners.map(({ cell }) => cell.stop.atMs));
  const giveUpAt = performance.now() + farthest + COME_MS_MAX;
  let firstAt = Infinity;
  for (;;) {
    const now = performance.now();
    const there = runners.filter(({ armed }) => armed.standing() !== null);
    // In the API only the client waits, and it has time.
    if (there.some(({ armed }) => armed.standing()?.process === 'worker')) firstAt = Math.min(firstAt, now);
    if (there.length === runners.length || now > firstAt + STAND_MS_MAX || now > giveUpAt) return there;
    await sleep(POLL_MS);
  }
}

/** A kill that is healed within seconds changes nothing about how an order ends. */
function isAtEndOf({ course }: Cell) {
  return ({ summary, isSettled }: Standing) => isSettled && summary === course.end;
}

async function faultsOf(world: World, { cell, walk }: Runner, standing: Standing | undefined) {
  if (standing === undefined) return ['the order is gone'];
  const faults: string[] = [];
  if (!isAtEndOf(cell)(standing)) {
    faults.push(`ends as "${standing.summary}" and not as "${cell.course.end}"`);
  }
  if (standing.commands.length !== walk.told.length) {
    faults.push(`${walk.told.length} commands were sent, ${standing.commands.length} are kept`);
  }
  for (const told of walk.told) {
    const { reply } = standing.commands.find(({ key }) => key === told.key) ?? { reply: null };
    if (reply === null) faults.push(`${told.path} has no reply`);
    else if (!agrees(told.answer, reply)) faults.push(`${told.path}: the reply is not what was answered`);
    const again = await askAgain(world.run().urls.api, told);
    if (again.status !== told.answer.status || refOf(again) !== refOf(told.answer)) {
      faults.push(`${told.path}: asked again, the answer is another one`);
    }
  }
  return faults;
}

function agrees({ status, body }: Answer, reply: NonNullable<Standing['commands'][number]['reply']>) {
  if (!reply.ok) return reasonOf(body) === reply.reason;
  const ref = reply.refund?.refund_ref ?? reply.payment?.payment_ref;
  return status < 300 && refOf({ body }) === ref;
}

function refOf({ body }: Pick<Answer, 'body'>): unknown {
  return body['refund_ref'] ?? body['payment_ref'] ?? reasonOf(body);
}

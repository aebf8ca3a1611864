import { commonStops, type Course } from './cells.ts';
import { NOTHING_BEFORE } from './paths.ts';
import type { Path } from './paths.ts';
import { settled, type World } from './world.ts';

const ORDERS_PER_PATH = 3;

/** Walks a path undisturbed, several times: which steps it has is found out and not written down. */
export async function courseOf(world: World, path: Path): Promise<Course> {
  const orders = await Promise.all(Array.from({ length: ORDERS_PER_PATH }, () => walkThrough(world, path)));
  const standings = await settled(
    world.books,
    new Map(orders.map((orderRef) => [orderRef, ({ isSettled }) => isSettled])),
  );
  const ends = new Set([...standings.values()].map(({ summary }) => summary));
  const [end] = ends;
  const isDone = [...standings.values()].every(({ isSettled }) => isSettled);
  if (end === undefined || ends.size > 1 || !isDone) {
    throw new Error(`${path.name}: undisturbed, it ends as ${[...ends].join(' or as ')}`);
  }
  return { path, end, stops: commonStops(orders.map((orderRef) => world.controller.passed(orderRef))) };
}

async function walkThrough({ controller, merchant }: World, path: Path): Promise<string> {
  const walk = await merchant.newWalk(path.order ?? {});
  const before = (await path.before?.(walk)) ?? NOTHING_BEFORE;
  controller.watch(walk.orderRef);
  await path.run(walk, before);
  return walk.orderRef;
}

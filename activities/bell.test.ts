import { createBell } from './bell.ts';

const HOURS = 3_600_000;

test('wakes who waits', async () => {
  const bell = createBell();
  const waiting = bell.wait(HOURS);
  bell.ring();
  await waiting;
});

test('one that rang before the wait is not missed, and counts once', async () => {
  const bell = createBell();
  bell.ring();
  bell.ring();
  await bell.wait(HOURS);
  const from = performance.now();
  await bell.wait(20);
  expect(performance.now() - from).toBeGreaterThan(15);
});

test('without it, the wait ends by itself', async () => {
  await createBell().wait(5);
});

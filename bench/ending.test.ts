import { setImmediate } from 'node:timers/promises';
import { createEnding } from './ending.ts';

test('ends the last started first, once, whoever asks', async () => {
  const ended: string[] = [];
  const ending = createEnding();
  ending.add(async () => void ended.push('postgres'));
  ending.add(async () => void ended.push('temporal'));
  await Promise.all([ending.run(), ending.run()]);
  expect(ended).toEqual(['temporal', 'postgres']);
});

test('whoever asks later waits until the end too', async () => {
  const ended: string[] = [];
  const ending = createEnding();
  ending.add(async () => {
    await setImmediate();
    ended.push('slow');
  });
  const first = ending.run();
  await ending.run();
  expect(ended).toEqual(['slow']);
  await first;
});

test('ends the rest although one of them cannot be ended, and says so', async () => {
  const ended: string[] = [];
  const ending = createEnding();
  ending.add(async () => void ended.push('postgres'));
  ending.add(() => Promise.reject(new Error('it hangs')));
  await expect(ending.run()).rejects.toMatchObject({ errors: [{ message: 'it hangs' }] });
  expect(ended).toEqual(['postgres']);
});

test('ends what is started while the end is under way', async () => {
  const ended: string[] = [];
  const ending = createEnding();
  ending.add(async () => {
    ending.add(async () => void ended.push('late'));
  });
  await ending.run();
  expect(ended).toEqual(['late']);
});

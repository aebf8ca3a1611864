import { createEnding } from './ending.ts';

test('ends the last started first, once, whoever asks', async () => {
  const ended: string[] = [];
  const ending = createEnding();
  ending.add(async () => void ended.push('postgres'));
  ending.add(async () => void ended.push('temporal'));
  await Promise.all([ending.run(), ending.run()]);
  expect(ended).toEqual(['temporal', 'postgres']);
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

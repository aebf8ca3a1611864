import { createEmptyDatabase } from '../testing/database.ts';
import { createPool } from './database.ts';
import { createSchema } from './schema.ts';

const BANKS = 5;

test('several banks start at once on an empty database, and again → all of them can', async () => {
  const database = await createEmptyDatabase();
  const onError = () => undefined;
  const pools = Array.from({ length: BANKS }, () => createPool({ url: database.url, onError }));
  const results = await Promise.allSettled(pools.map(createSchema));
  const again = await Promise.allSettled(pools.map(createSchema));
  await Promise.all(pools.map((pool) => pool.end()));
  await database.drop();
  expect([...results, ...again].filter(({ status }) => status === 'rejected')).toEqual([]);
});

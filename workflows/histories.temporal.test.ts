import { writeFileSync } from 'node:fs';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { startLab, type Lab } from '../src/testing/lab.ts';
import { SCENARIOS } from '../src/testing/scenarios.ts';

/** The golden histories come from here: `UPDATE_GOLDEN=1 npm test -- histories` writes them anew. */

const ROOT = new URL('../', import.meta.url).pathname;

let lab: Lab;
beforeAll(async () => {
  lab = await startLab();
});
afterAll(() => lab.close());
afterEach(() => lab.bank.faults(null));

test.each(Object.keys(SCENARIOS))('%s: the run ends well', async (name) => {
  const order = await SCENARIOS[name]!(lab);
  await lab.closed(order);
  const { status, historyLength } = await lab.handle(order).describe();
  expect(status.name).toBe('COMPLETED');
  expect(historyLength).toBeLessThan(80);
  if (process.env['UPDATE_GOLDEN'] !== '1') return;
  // Where a stack trace begins is this machine's business.
  const history = historyToJSON(await lab.handle(order).fetchHistory()).replaceAll(ROOT, '');
  writeFileSync(new URL(`./histories/${name}.json`, import.meta.url), `${history}\n`);
});

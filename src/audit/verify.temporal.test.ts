import { DIFFERENCES } from './difference.ts';
import { FURTHER, PROMISED, TOLD } from './test-faults.ts';
import { createAuditWorld, type AuditWorld } from './test-world.ts';

const WORLD_MS = 120_000;
const SCENARIOS = 12;
const PLANTED = [...PROMISED, ...FURTHER, ...TOLD];

let world: AuditWorld;
beforeAll(async () => {
  world = await createAuditWorld();
}, WORLD_MS);
afterAll(() => world.close());

test('orders of all paths, their webhooks delivered, their clients told → no differences', async () => {
  expect(Object.keys(world.orders)).toHaveLength(SCENARIOS);
  expect(await world.audit()).toEqual([]);
});

const named: string[] = [];

test.each(PLANTED)('$title → $code, of this order and no other', async (planted) => {
  const ref = await planted.ref(world);
  const differences = await world.auditWith(planted.fault(ref));
  expect(differences).toContainEqual(expect.objectContaining({ code: planted.code, ref }));
  const touched = planted.touchesSequence ? [ref, `merchant ${world.lab.merchantId}`] : [ref];
  expect([...new Set(differences.map((difference) => difference.ref))]).toEqual(touched);
  named.push(planted.title);
});

test('all that was planted was named, and nothing of it is left', async () => {
  expect(PROMISED).toHaveLength(15);
  expect(named).toEqual(PLANTED.map(({ title }) => title));
  expect(await world.audit()).toEqual([]);
});

test('every kind of difference was planted', () => {
  const codes = new Set(PLANTED.map(({ code }) => code));
  expect([...codes].toSorted()).toEqual(Object.keys(DIFFERENCES).toSorted());
});

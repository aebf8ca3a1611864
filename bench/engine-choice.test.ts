import { chooseEngine, type Found } from './engine-choice.ts';

const nothing: Found = { wanted: undefined, temporalAddress: undefined, programs: false, go: false };

test.each<[string, Partial<Found>, string]>([
  ['nothing', {}, 'local'],
  ['go', { go: true }, 'postgres'],
  ['a server built before', { programs: true }, 'postgres'],
  ['a server at TEMPORAL_ADDRESS', { temporalAddress: 'host:7233', go: true }, 'given'],
  ['a flag', { wanted: 'local', temporalAddress: 'host:7233', go: true }, 'local'],
])('with %s', (_, found, engine) => {
  expect(chooseEngine({ ...nothing, ...found }).engine).toBe(engine);
});

test('says why', () => {
  expect(chooseEngine({ ...nothing, go: true }).why).toContain('go is on the PATH');
  expect(chooseEngine(nothing).why).toContain('no go on the PATH');
});

test('a given server has to be given', () => {
  expect(() => chooseEngine({ ...nothing, wanted: 'given' })).toThrow('TEMPORAL_ADDRESS');
});

import { dirname } from 'node:path';
import { createEnding } from '../bench/ending.ts';
import { builtProgram } from '../src/testing/build.ts';
import { takeTurn, TURN_MS_MAX } from '../src/testing/turn.ts';
import { TARGETS } from './kill.ts';
import { PATHS, QUICK_PATHS } from './paths.ts';
import { sweep } from './sweep.ts';
import { isSound, table } from './table.ts';

/** The quick half: a payment and a refund, each step once, whatever the process. */

// It takes 90 s on two cores, beside other tests.
const SWEEP_MS_MAX = 300_000;

const STEPS = {
  paid: [
    'accept:before',
    'api:accepted',
    'authorize:before',
    'authorize:after',
    'capture:before',
    'capture:after',
    'record:before-commit',
    'record:after-commit',
    'record:returned',
    'api:answered',
  ],
  refunded: ['load:before', 'load:after', 'refund:before', 'refund:after'],
};

const ending = createEnding();
let giveTurnBack: () => void;
beforeAll(async () => {
  giveTurnBack = await takeTurn();
}, TURN_MS_MAX);
afterAll(async () => {
  giveTurnBack();
  await ending.run();
}, 60_000);

test(
  'each process is killed at each step of a payment and of a refund → one charge, an answer, no difference',
  async () => {
    const temporal = dirname(process.env['PAYFLOW_TEST_TEMPORAL_PROGRAM']!);
    const swept = await sweep({
      build: await builtProgram(process.env['PAYFLOW_TEST_FOLDER']!),
      ending,
      env: { PATH: `${temporal}:${process.env['PATH']}`, HOME: process.env['HOME'] ?? '/' },
      paths: PATHS.filter(({ name }) => QUICK_PATHS.includes(name)),
      targets: TARGETS,
      quick: true,
      stacks: 2,
      say: () => {},
    });
    const found = swept.courses.map(({ path, stops }) => [path.name, stops.map(({ step }) => step)]);
    expect(Object.fromEntries(found)).toEqual(STEPS);
    // The table says which cell is not as it should be.
    if (!isSound(swept)) throw new Error(table(swept));
    expect(swept.results).toHaveLength(TARGETS.length * Object.values(STEPS).flat().length);
  },
  SWEEP_MS_MAX,
);

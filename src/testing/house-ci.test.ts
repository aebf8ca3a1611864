import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

/** .ci/run with an npm that does as it is told: whatever goes wrong, it is counted. */

const SCRIPT = resolve(import.meta.dirname, '../../.ci/run');

interface Totals {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numRuntimeErrorTestSuites: number;
}

interface Behaviour {
  /** Null: Jest wrote no report. */
  readonly totals: Totals | null;
  readonly testCode: number;
  readonly checks: readonly string[];
  readonly checkCode: number;
}

const GOOD: Behaviour = {
  totals: { numPassedTests: 5, numFailedTests: 0, numRuntimeErrorTestSuites: 0 },
  testCode: 0,
  checks: ['✓ Installing packages (npm ci) (22.0 s)', '✓ types: tsc (1.2 s)', '✓ dead code: knip (1.0 s)'],
  checkCode: 0,
};

function run(behaviour: Behaviour) {
  const folder = mkdtempSync(join(tmpdir(), 'payflow-ci-'));
  try {
    mkdirSync(join(folder, '.ci'));
    cpSync(SCRIPT, join(folder, '.ci/run'));
    writeFileSync(join(folder, 'npm'), npm(behaviour), { mode: 0o755 });
    const env = { PATH: `${folder}:${dirname(process.execPath)}:${process.env['PATH']}` };
    const { stdout, status } = spawnSync(join(folder, '.ci/run'), { encoding: 'utf8', cwd: tmpdir(), env });
    return { lastLine: stdout.trimEnd().split('\n').at(-1), status };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Reads its standard input to the end: it would hang if that were a terminal. */
function npm({ totals, testCode, checks, checkCode }: Behaviour): string {
  return `#!/usr/bin/env node
const { readFileSync, writeFileSync } = require('node:fs');
readFileSync(0);
const words = process.argv.slice(2).join(' ');
const [, file] = /^test -- --json --outputFile=(.*)$/.exec(words) ?? [];
if (file !== undefined) {
  if (${totals !== null}) writeFileSync(file, ${JSON.stringify(JSON.stringify(totals))});
  process.exit(${testCode});
}
if (words !== 'run check') process.exit(99);
console.log(${JSON.stringify(checks.join('\n'))});
process.exit(${checkCode});
`;
}

const totals = (changes: Partial<Totals>) => ({ ...GOOD.totals!, ...changes });

it.each<[string, Partial<Behaviour>, string, number]>([
  ['all is well', {}, '7 passed, 0 failed', 0],
  ['a test fails', { totals: totals({ numFailedTests: 2 }), testCode: 1 }, '7 passed, 2 failed', 1],
  [
    'a file does not load',
    { totals: totals({ numRuntimeErrorTestSuites: 1 }), testCode: 1 },
    '7 passed, 1 failed',
    1,
  ],
  ['Jest fails after good tests', { testCode: 1 }, '7 passed, 1 failed', 1],
  ['there was no test', { totals: totals({ numPassedTests: 0 }) }, '2 passed, 1 failed', 1],
  ['Jest did not get to run', { totals: null, testCode: 1 }, '2 passed, 1 failed', 1],
  [
    'a check fails',
    { checks: ['✓ types: tsc', '✗ lint: oxlint', 'a.ts:1'], checkCode: 1 },
    '6 passed, 1 failed',
    1,
  ],
  ['the checks did not get to run', { checks: [], checkCode: 1 }, '5 passed, 1 failed', 1],
])('%s', (_what, changes, lastLine, status) => {
  expect(run({ ...GOOD, ...changes })).toEqual({ lastLine, status });
});

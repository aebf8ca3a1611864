import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { SEARCH_ATTRIBUTES } from '../local/search-attributes.ts';
import { builtProgram } from '../testing/build.ts';
import { startStack, type TestStack } from '../testing/processes.ts';
import { connectClient, temporalAddress } from '../testing/temporal.ts';

const START_MS_MAX = 120_000;
const RUN_MS_MAX = 30_000;

let program: string;
beforeAll(async () => {
  program = join(await builtProgram(process.env['PAYFLOW_TEST_FOLDER']!), 'src/cli/payflow.js');
}, START_MS_MAX);

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function temporal(args: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
  return new Promise((settle) => {
    execFile(
      process.execPath,
      [program, 'temporal', ...args],
      { env: { PATH: '/usr/bin:/bin', TEMPORAL_ADDRESS: temporalAddress(), ...env } },
      (error, stdout, stderr) => settle({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });
}

describe('prepare', () => {
  const TEMPORAL_NAMESPACE = `n-${randomBytes(6).toString('hex')}`;

  test(
    'a namespace that is not there → made, with our search attributes and the retention asked for',
    async () => {
      const { code, stdout, stderr } = await temporal(['prepare', '--retention-days', '7'], {
        TEMPORAL_NAMESPACE,
      });
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toContain(`The namespace ${TEMPORAL_NAMESPACE} is ready (made now`);
      const { connection } = await connectClient();
      try {
        const { customAttributes } = await connection.operatorService.listSearchAttributes({
          namespace: TEMPORAL_NAMESPACE,
        });
        expect(Object.keys(customAttributes)).toEqual(expect.arrayContaining(Object.keys(SEARCH_ATTRIBUTES)));
        const { config } = await connection.workflowService.describeNamespace({
          namespace: TEMPORAL_NAMESPACE,
        });
        expect(Number(config?.workflowExecutionRetentionTtl?.seconds)).toBe(7 * 86_400);
      } finally {
        await connection.close();
      }
    },
    RUN_MS_MAX,
  );

  test(
    'once more → nothing to do, and its retention stays',
    async () => {
      const { code, stdout } = await temporal(['prepare'], { TEMPORAL_NAMESPACE });
      expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining('(was there)') });
    },
    RUN_MS_MAX,
  );

  test(
    'a name that no namespace can have → one line that says what to make by hand, exit 1',
    async () => {
      const { code, stdout, stderr } = await temporal(['prepare'], { TEMPORAL_NAMESPACE: 'x'.repeat(2_000) });
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toMatch(/could not be prepared: .*MerchantId \(Keyword\).*\n$/);
    },
    RUN_MS_MAX,
  );

  test('settings that are not usable, days that are none → exit 1, with a reason', async () => {
    const { code, stderr } = await temporal(['prepare'], { TEMPORAL_TLS: 'perhaps' });
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('TEMPORAL_TLS') });
    const days = await temporal(['prepare', '--retention-days', '0']);
    expect(days).toMatchObject({ code: 1, stderr: expect.stringContaining('from 1 to') });
  });
});

describe('worker', () => {
  let stack: TestStack;
  beforeAll(async () => {
    stack = await startStack();
  }, START_MS_MAX);
  afterAll(() => stack.stop(), RUN_MS_MAX);

  test(
    'one that runs here → exit 0 and its identity',
    async () => {
      const { code, stdout } = await temporal(['worker'], { TEMPORAL_NAMESPACE: stack.namespace });
      expect({ code, stdout }).toEqual({
        code: 0,
        stdout: `The worker ${stack.pids().worker}@${hostname()} takes tasks.\n`,
      });
    },
    RUN_MS_MAX,
  );

  test(
    'none in this namespace, or no server at all → exit 1',
    async () => {
      const none = await temporal(['worker']);
      expect(none).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('No worker on') });
      const nobody = await temporal(['worker'], { TEMPORAL_ADDRESS: '127.0.0.1:1' });
      expect(nobody).toMatchObject({
        code: 1,
        stdout: '',
        stderr: expect.stringContaining('cannot be asked'),
      });
    },
    RUN_MS_MAX,
  );
});

test('--help tells of both, and of the variables', async () => {
  expect((await temporal(['--help'])).stdout).toMatch(/prepare[\s\S]*worker/);
  expect((await temporal(['prepare', '--help'])).stdout).toContain('TEMPORAL_NAMESPACE');
});

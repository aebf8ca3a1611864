import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { builtProgram } from '../build.ts';
import { createEmptyDatabase, type TestDatabase } from '../database.ts';
import { payflowCommandsIn, readCompose, readRoot } from '../deployment.ts';
import { startStack, type TestStack } from '../processes.ts';
import { required, temporalAddress } from '../temporal.ts';

/** What DEPLOYMENT.md tells an operator to do is done, in production mode. */

const MARK = '<!-- executed by src/testing/e2e/deployment.e2e.test.ts -->';
const START_MS_MAX = 120_000;
const document = readRoot('DEPLOYMENT.md');
const run = promisify(execFile);

let folder: string;
let database: TestDatabase;
let env: Record<string, string>;

beforeAll(async () => {
  folder = dirname(await builtProgram(required('PAYFLOW_TEST_FOLDER')));
  database = await createEmptyDatabase();
  const secret = () => randomBytes(32).toString('hex');
  env = {
    PATH: process.env['PATH'] ?? '',
    PAYFLOW_MODE: 'production',
    DATABASE_URL: database.url,
    TEMPORAL_ADDRESS: temporalAddress(),
    TEMPORAL_NAMESPACE: `n-${randomBytes(6).toString('hex')}`,
    SECRET_KEY: secret(),
    WEBHOOK_SIGNING_SECRET: secret(),
  };
}, START_MS_MAX);
afterAll(() => database.drop());

describe('before the first start', () => {
  let stack: TestStack | undefined;
  afterAll(() => stack?.stop(), 30_000);

  test(
    'the three commands make tables, namespace and admin, twice',
    async () => {
      const block = document
        .slice(document.indexOf(MARK))
        .split('```')[1]!
        .replace(/^bash\n/, '');
      expect(block.trim().split('\n')).toHaveLength(3);
      const { stdout } = await run('bash', ['-eu', '-c', block], { cwd: folder, env });
      const account = JSON.parse(stdout.slice(stdout.indexOf('{'))) as Record<string, unknown>;
      expect(account).toMatchObject({ role: 'admin', email: 'admin@example.com' });
      expect(String(account['password']).length).toBeGreaterThanOrEqual(8);
      const again = await run('bash', ['-c', block], { cwd: folder, env }).catch((error: Error) => error);
      expect(again).toMatchObject({
        stdout: expect.stringContaining('The tables are up to date.'),
        stderr: expect.stringContaining('There is an account with the e-mail admin@example.com already'),
      });
    },
    START_MS_MAX,
  );

  test(
    'then the API, the worker and the bank start in production mode and are ready',
    async () => {
      const { TEMPORAL_NAMESPACE: namespace = '', PATH: _path, ...settings } = env;
      stack = await startStack({
        env: settings,
        databaseUrl: database.url,
        temporal: { address: temporalAddress(), namespace },
      });
      const ready = await fetch(`${stack.urls.api}/ready`);
      expect([ready.status, await ready.json()]).toEqual([
        200,
        {
          status: 'ready',
          checks: { postgres: 'ok', migrations: 'ok', engine: 'ok', worker: 'ok' },
        },
      ]);
    },
    START_MS_MAX,
  );
});

test(
  'every payflow command that the documents name is one, with the options they give',
  async () => {
    const words = Object.values(readCompose().services).flatMap(({ command, healthcheck }) => [
      command?.join(' ') ?? '',
      healthcheck?.test.slice(1).join(' ') ?? '',
    ]);
    const texts = ['DEPLOYMENT.md', 'README.md', 'SECURITY.md', '.env.example'].map(readRoot);
    const commands = payflowCommandsIn([...words, ...texts].join('\n'));
    expect(commands).toEqual(
      expect.arrayContaining(['migrate', 'temporal prepare', 'temporal worker', 'audit verify']),
    );
    for (const command of commands) {
      const help = await run('node', ['dist/src/cli/payflow.js', ...command.split(' '), '--help'], {
        cwd: folder,
        env,
      });
      expect(help.stdout).toContain(`Usage: payflow ${command}`);
    }
  },
  START_MS_MAX,
);

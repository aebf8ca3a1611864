import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { freePort } from '../../local/ports.ts';
import { startStack, type TestStack } from '../processes.ts';

/** What the README tells a newcomer to paste is pasted. */

const MARK = '<!-- executed by src/testing/e2e/readme.e2e.test.ts -->';

let stack: TestStack;
beforeAll(async () => {
  stack = await startStack();
}, 120_000);
afterAll(() => stack.stop(), 30_000);

function walkThrough(): string {
  const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8');
  const block = readme.slice(readme.indexOf(MARK)).split('```')[1];
  if (block?.startsWith('bash\n') !== true) throw new Error('the README has no walk-through');
  return block.slice('bash\n'.length);
}

test('the walk-through: an order is paid, its webhooks are genuine, part of it goes back', async () => {
  const { stdout } = await promisify(execFile)('bash', ['-eu', '-o', 'pipefail', '-c', walkThrough()], {
    env: {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      BASE_URL: stack.urls.api,
      WEBHOOK_PORT: String(await freePort()),
    },
    timeout: 60_000,
  });
  expect(stdout).toContain('"status": "captured"');
  expect(stdout).toContain('"status": "processed"');
  for (const event of ['payment.captured', 'order.paid', 'refund.processed']) {
    expect(stdout).toContain(`webhook: ${event}, genuine`);
  }
  expect(stdout).not.toContain('NOT GENUINE');
  expect(stdout).toContain('3 webhooks were taken');
}, 90_000);

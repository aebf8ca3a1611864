import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { World } from './world.ts';

const report = z.object({
  differences: z.array(z.object({ ref: z.string(), line: z.string() })),
  orders: z.number(),
  bank_entries: z.number(),
});
export type Audit = z.output<typeof report>;

const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;
const WEBHOOKS_MS_MAX = 60_000;
const POLL_MS = 500;

/** `payflow audit verify` over everything there is, once the webhooks are on their way. */
export async function audit(
  world: Pick<World, 'books' | 'run'>,
  { build, clientLog }: { build: string; clientLog?: string },
): Promise<Audit> {
  for (
    const giveUpAt = Date.now() + WEBHOOKS_MS_MAX;
    (await world.books.outbox()) > 0;
    await sleep(POLL_MS)
  ) {
    // The auditor says what is stuck.
    if (Date.now() > giveUpAt) break;
  }
  const program = join(build, 'src/cli/payflow.js');
  const env = { PATH: process.execPath, PAYFLOW_HOME: world.run().home };
  const output = await new Promise<string>((resolve, reject) => {
    execFile(
      process.execPath,
      [program, 'audit', 'verify', '--json', ...(clientLog === undefined ? [] : ['--client-log', clientLog])],
      { env, maxBuffer: OUTPUT_BYTES_MAX },
      (error, stdout, stderr) => {
        // 1: there are differences.
        if (error === null || error.code === 1) resolve(stdout);
        else reject(new Error(`the auditor could not look: ${stderr}`));
      },
    );
  });
  return report.parse(JSON.parse(output));
}

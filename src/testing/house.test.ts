import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { IMPORTS } from './house-imports.ts';

/**
 * Shows that .oxlintrc.json bites: each import and each snippet below is a file of its own in a copy of
 * the house that holds nothing else, and one run of Oxlint says what it thinks of all of them.
 */

const ROOT = resolve(import.meta.dirname, '../..');

const FLOATING = 'async function f() { return 1; }\nexport function g() { f(); }';
const UNION = "export function f(x: 'a' | 'b') { switch (x) { case 'a': return 1; } return 2; }";

interface Snippet {
  readonly rule: string;
  readonly path: string;
  readonly text: string;
  readonly found: boolean;
}

const refused = (rule: string, path: string, text: string): Snippet => ({ rule, path, text, found: true });
const fine = (rule: string, path: string, text: string): Snippet => ({ rule, path, text, found: false });

const SNIPPETS: readonly Snippet[] = [
  refused('no-restricted-imports', 'src/config.ts', "import './db/pool.ts';"),
  refused('no-restricted-imports', 'chaos/hooks.ts', "import './kill.ts';"),
  refused('no-floating-promises', 'workflows/a1.ts', FLOATING),
  refused('no-floating-promises', 'src/db/a1.test.ts', FLOATING),
  fine('no-floating-promises', 'workflows/a2.ts', FLOATING.replace(' f();', ' void f();')),
  refused(
    'no-misused-promises',
    'src/db/a2.ts',
    'export function f(p: Promise<boolean>) { if (p) return 1; return 2; }',
  ),
  refused('switch-exhaustiveness-check', 'src/domain/a1.ts', UNION),
  fine(
    'switch-exhaustiveness-check',
    'src/domain/a2.ts',
    UNION.replace('return 1;', "return 1; case 'b': break;"),
  ),
  refused('consistent-type-imports', 'src/domain/a3.ts', "import { A } from './a4.ts';\nexport type B = A;"),
  refused(
    'no-import-type-side-effects',
    'workflows/a3.ts',
    "import { type A } from '../activities/index.ts';\nexport type B = A;",
  ),
  refused('no-explicit-any', 'src/db/a3.ts', 'export const f = (x: any) => x;'),
  refused('restrict-template-expressions', 'src/db/a4.ts', 'export const f = (x: object) => `${x}`;'),
  refused('no-cycle', 'src/domain/b1.ts', "import { b } from './b2.ts';\nexport const a = () => b;"),
  refused('no-cycle', 'src/domain/b2.ts', "import { a } from './b1.ts';\nexport const b = () => a;"),
  refused('max-lines', 'src/db/a5.ts', 'export {};\n'.repeat(401)),
  refused('max-lines-per-function', 'src/db/a6.ts', `export function f() {\n${'f();\n'.repeat(70)}}`),
  fine('max-lines-per-function', 'src/db/a6.test.ts', `describe('x', () => {\n${'f();\n'.repeat(80)}});`),
  fine('max-lines-per-function', 'src/db/a7.ts', `export function f() {\n${'f();\n'.repeat(68)}}`),
  ...['src/db/c1.ts', 'src/local/c1.ts', 'workflows/c1.ts', 'src/db/c1.test.ts', 'src/testing/c1.ts'].map(
    (path) => refused('no-console', path, "console.log('x');"),
  ),
  ...['src/server.ts', 'src/worker.ts', 'src/bank/server.ts', 'src/cli/c1.ts', 'start.mjs'].map((path) =>
    fine('no-console', path, "console.log('x');"),
  ),
  ...[
    'src/db/c2.ts',
    'src/local/c2.ts',
    'src/cli/c2.ts',
    'src/server.ts',
    'workflows/c2.ts',
    'checkout/c2.ts',
  ].map((path) => refused('no-process-env', path, "export const x = process.env['X'];")),
  ...[
    'src/config.ts',
    'src/bank/config.ts',
    'src/cli/environment.ts',
    'src/testing/c2.ts',
    'src/db/c2.test.ts',
    'start.mjs',
  ].map((path) => fine('no-process-env', path, "export const x = process.env['X'];")),
];

let folder: string;
/** `file rule` for everything that was found. */
const findings = new Set<string>();
let counter = 0;
const files = new Map<string, string>();

function addFile(path: string, text: string): string {
  files.set(path, `${files.get(path) ?? ''}${text}\n`);
  return path;
}

function importIn(place: string, given: string, extension = '.ts'): string {
  counter += 1;
  const text = given.includes(' ') ? given : `import { x } from '${given}';\nexport const y = x;`;
  return addFile(`${place}/import-${counter}${extension}`, text);
}

const CASES = IMPORTS.flatMap((row) => [
  ...row.allowed.map((given) => ({ place: row.in, given, path: importIn(row.in, given), found: false })),
  ...row.refused.map((given) => ({ place: row.in, given, path: importIn(row.in, given), found: true })),
]);
const TEST_CASES = IMPORTS.flatMap((row) => row.refused.map((given) => importIn(row.in, given, '.test.ts')));
for (const { path, text } of SNIPPETS) addFile(path, text);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'payflow-house-'));
  for (const [path, text] of files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  for (const name of ['.oxlintrc.json', 'tsconfig.json', 'package.json'])
    cpSync(join(ROOT, name), join(folder, name));
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  for (const { filename, code } of lint(folder)) findings.add(`${filename} ${code}`);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Diagnostic {
  readonly filename: string;
  readonly code: string;
}

function lint(cwd: string): Diagnostic[] {
  const program = join(ROOT, 'node_modules/oxlint/bin/oxlint');
  const { stdout, stderr } = spawnSync(process.execPath, [program, '--type-aware', '--format=json'], {
    cwd,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (!stdout.startsWith('{')) throw new Error(`oxlint said: ${stdout}${stderr}`);
  const { diagnostics } = JSON.parse(stdout) as { diagnostics: Diagnostic[] };
  // "typescript(no-floating-promises)" → "no-floating-promises"
  return diagnostics.map(({ filename, code }) => ({ filename, code: code.replace(/^.*\(|\)$/g, '') }));
}

describe('who may import what', () => {
  it.each(CASES.filter(({ found }) => found))('$place may not: $given', ({ path }) => {
    expect(findings).toContain(`${path} no-restricted-imports`);
  });

  it.each(CASES.filter(({ found }) => !found))('$place may: $given', ({ path }) => {
    expect(findings).not.toContain(`${path} no-restricted-imports`);
  });

  it('tests may import what they need', () => {
    expect(TEST_CASES.filter((path) => findings.has(`${path} no-restricted-imports`))).toEqual([]);
  });

  it('every folder of src has a row', () => {
    const free = ['testing'];
    const folders = readdirSync(join(ROOT, 'src'), { withFileTypes: true }).filter((entry) =>
      entry.isDirectory(),
    );
    const rows = new Set(IMPORTS.map((row) => row.in));
    expect(
      folders.map(({ name }) => name).filter((name) => !free.includes(name) && !rows.has(`src/${name}`)),
    ).toEqual([]);
  });
});

describe('what may stand where', () => {
  it.each(SNIPPETS)('$rule in $path: $found', ({ rule, path, found }) => {
    expect(findings.has(`${path} ${rule}`)).toBe(found);
  });
});

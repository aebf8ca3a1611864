import { dirname, join, normalize } from 'node:path/posix';
import { lineAt, type Source } from './tidy-source.ts';
import type { Fault } from './tidy-rules.ts';

/** Rules about the checkout as a whole. */

export interface ProjectFault extends Fault {
  readonly path: string;
}
export type ProjectRule = (tree: readonly Source[]) => ProjectFault[];

const TOP_FOLDERS = ['src', 'workflows', 'activities', 'migrations', 'checkout', 'bench', 'chaos'];

export const PROJECT_RULES = {
  /** Each top folder says what lives there. */
  readme: (tree) =>
    TOP_FOLDERS.filter((folder) => tree.some(({ path }) => path.startsWith(`${folder}/`)))
      .filter((folder) => !tree.some(({ path }) => path === `${folder}/README.md`))
      .map((folder) => ({ path: `${folder}/README.md`, line: 1, text: 'is missing' })),

  links: (tree) => {
    const texts = new Map(tree.map((source) => [source.path, source.text]));
    return tree.filter(({ path }) => path.endsWith('.md')).flatMap((source) => brokenLinks(source, texts));
  },

  /** A comment that sends its reader to a document which is not here helps nobody. */
  mentions: (tree) => {
    const names = new Set(tree.map(({ path }) => path.slice(path.lastIndexOf('/') + 1)));
    return tree.flatMap(({ path, comments }) =>
      [...comments.matchAll(/[\w-]+\.md\b/g)]
        .filter(([name]) => !names.has(name))
        .map((match) => ({ path, line: lineAt(comments, match.index), text: `there is no ${match[0]}` })),
    );
  },

  /** README.md names every setting there is, and none that there is not. */
  settings: (tree) => {
    const text = (wanted: string) => tree.find(({ path }) => path === wanted)?.text ?? '';
    const [readme, config] = [text('README.md'), text('src/config.ts')];
    const settings = [...config.matchAll(/^ {4}([A-Z][A-Z_]+): /gm)].map(([, name]) => name!);
    const named = [...readme.matchAll(/`(PAYFLOW_[A-Z_]+)`/g)].map(([, name]) => name!);
    return [
      ...settings.filter((name) => !readme.includes(`\`${name}\``)).map((name) => `does not tell of ${name}`),
      ...named.filter((name) => !config.includes(name)).map((name) => `tells of ${name}, which is not there`),
    ].map((fault) => ({ path: 'README.md', line: 1, text: fault }));
  },

  /** An address of a registry in the lock would bind everybody to that registry. */
  'lock-without-hosts': (tree) =>
    inLock(tree, ({ path, text }) =>
      [...text.matchAll(/"resolved": "https?:[^"]*"/g)].map((match) => ({
        path,
        line: lineAt(text, match.index),
        text: 'names a registry',
      })),
    ),

  /** What npm could not get while locking it leaves out silently, and `npm ci` then refuses the lock. */
  'lock-complete': (tree) =>
    inLock(tree, ({ path, text }) =>
      missingFromLock(JSON.parse(text) as Lock).map((missing) => ({
        path,
        line: 1,
        text: `Missing: ${missing}`,
      })),
    ),

  /** `^1.2.3` would let a second install be another program. */
  'exact-versions': (tree) =>
    tree
      .filter(({ path }) => path === 'package.json')
      .flatMap(({ path, text }) =>
        [...text.matchAll(/"([^"]+)": "[~^][^"]*"/g)].map((match) => ({
          path,
          line: lineAt(text, match.index),
          text: `${match[1]} has a range for a version`,
        })),
      ),
} as const satisfies Record<string, ProjectRule>;

export type ProjectRuleName = keyof typeof PROJECT_RULES;

function inLock(tree: readonly Source[], rule: (lock: Source) => ProjectFault[]): ProjectFault[] {
  return tree.filter(({ path }) => path === 'package-lock.json').flatMap(rule);
}

interface Lock {
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

interface LockedPackage {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** The packages that somebody in the lock depends on and that it has no entry for. */
function missingFromLock({ packages }: Lock): string[] {
  return Object.entries(packages).flatMap(([holder, entry]) => {
    const wanted = { ...entry.dependencies, ...entry.optionalDependencies };
    // Of what is installed nobody wants the development packages, only of ourselves.
    const names = Object.keys(holder === '' ? { ...wanted, ...entry.devDependencies } : wanted);
    return names
      .filter((name) => !isLocked(packages, holder, name))
      .map((name) => `${name} (for ${holder || 'us'})`);
  });
}

/** As Node looks for it: in the holder's own node_modules, then in each one above. */
function isLocked(packages: Lock['packages'], holder: string, name: string): boolean {
  for (let folder = holder; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))) {
    if (`${folder === '' ? '' : `${folder}/`}node_modules/${name}` in packages) return true;
    if (folder === '') return false;
    // `node_modules/a` has no slash in front.
    if (!folder.includes('/node_modules/')) return `node_modules/${name}` in packages;
  }
}

const LINK = /(?<!\\)\[(?:[^\]\\]|\\.)*\]\(([^)\s]+)(?:\s+"[^"]*")?\)/g;

function brokenLinks({ path, text }: Source, texts: ReadonlyMap<string, string>): ProjectFault[] {
  const prose = text.replace(/^(```|~~~)[\s\S]*?^\1/gm, (block) => block.replace(/[^\n]/g, ' '));
  return [...prose.matchAll(LINK)]
    .filter(([, target = '']) => !/^[a-z]+:/.test(target))
    .flatMap((match) => {
      const fault = linkFault(path, match[1]!, texts);
      return fault === null ? [] : [{ path, line: lineAt(text, match.index), text: fault }];
    });
}

function linkFault(from: string, link: string, texts: ReadonlyMap<string, string>): string | null {
  const [file = '', anchor] = link.split('#');
  const target = file === '' ? from : normalize(join(dirname(from), decodeURI(file)));
  const folder = target.endsWith('/') ? target : `${target}/`;
  const text = texts.get(target);
  if (text === undefined) {
    return [...texts.keys()].some((path) => path.startsWith(folder)) ? null : `${link} leads nowhere`;
  }
  if (anchor === undefined || !target.endsWith('.md')) return null;
  return headings(text).includes(anchor) ? null : `${link}: there is no such heading`;
}

/** As the common code hosts make them. */
function headings(markdown: string): string[] {
  return [...markdown.matchAll(/^#{1,6} (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replace(/\s/g, '-'),
  );
}

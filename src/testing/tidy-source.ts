import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

/** One text file of the checkout. */
export interface Source {
  /** From the top of the checkout, with `/`. */
  readonly path: string;
  readonly text: string;
  /** The text with comments and the insides of strings blanked out; lines and columns stay. */
  readonly code: string;
  /** The other way round: nothing but comments. */
  readonly comments: string;
}

const IGNORED_FOLDERS = new Set(['node_modules', 'dist', 'dist.next', '.payflow', '.git', 'coverage']);
const TEXT =
  /(\.(ts|tsx|mjs|js|json|md|css|html|svg|sh|sql|yaml|yml|toml|txt|example)|ignore|rc|\/run|LICENSE)$/;
const CODE = /\.(ts|tsx|mjs|js)$/;

export function isCode({ path }: Pick<Source, 'path'>): boolean {
  return CODE.test(path);
}

export function isTest({ path }: Pick<Source, 'path'>): boolean {
  return path.endsWith('.test.ts') || path.startsWith('src/testing/');
}

/** Every file below `root`, but for what is installed or built. What is no text is there, and empty. */
export function readTree(root: string): Source[] {
  return filesBelow(root)
    .map((file) => relative(root, file))
    .toSorted()
    .map((path) => toSource(path, TEXT.test(path) ? readFileSync(join(root, path), 'utf8') : ''));
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return IGNORED_FOLDERS.has(entry.name) ? [] : filesBelow(path);
    return entry.isFile() ? [path] : [];
  });
}

export function toSource(path: string, text: string): Source {
  if (!CODE.test(path)) return { path, text, code: text, comments: '' };
  return { path, text, ...split(text) };
}

export function lineAt(text: string, index: number): number {
  return text.slice(0, index).split('\n').length;
}

// A slash begins a regular expression only where a value cannot have ended.
const REGEX = String.raw`(?<=(?:^|[(,=:[!&|?{};+\-*%~^>\n]|\breturn|\bcase)\s*)\/(?![*/])(?:[^\\/\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/`;
const TOKEN = new RegExp(
  String.raw`(?<comment>\/\/[^\n]*|\/\*[\s\S]*?\*\/)|(?<text>'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|${REGEX})|[\`{}]`,
  'g',
);
const REST_OF_TEMPLATE = /(?:[^\\`$]|\\[\s\S]|\$(?!\{))*(?:`|\$\{|$)/y;

/** A tokenizer of the least kind: enough to tell code, strings and comments apart. */
function split(text: string): Pick<Source, 'code' | 'comments'> {
  const inComment: Span[] = [];
  const inText: Span[] = [];
  // Depth of braces inside each `${` that is open.
  const open: number[] = [];
  const readTemplate = (from: number) => {
    REST_OF_TEMPLATE.lastIndex = from;
    REST_OF_TEMPLATE.exec(text);
    const end = REST_OF_TEMPLATE.lastIndex;
    const interpolates = text.slice(from, end).endsWith('${');
    inText.push([from, end - (interpolates ? 2 : 1)]);
    if (interpolates) open.push(0);
    TOKEN.lastIndex = end;
  };
  TOKEN.lastIndex = 0;
  for (let token = TOKEN.exec(text); token !== null; token = TOKEN.exec(text)) {
    const begin = token.index;
    const end = TOKEN.lastIndex;
    if (token.groups?.['comment'] !== undefined) inComment.push([begin, end]);
    else if (token.groups?.['text'] !== undefined) inText.push([begin + 1, end - 1]);
    else if (token[0] === '`') readTemplate(end);
    else if (token[0] === '{' && open.length > 0) open.push(open.pop()! + 1);
    else if (token[0] === '}' && open.length > 0) {
      const depth = open.pop()!;
      if (depth === 0) readTemplate(end);
      else open.push(depth - 1);
    }
  }
  return { code: blank(text, [...inComment, ...inText]), comments: keep(text, inComment) };
}

type Span = readonly [begin: number, end: number];

function blank(text: string, spans: readonly Span[]): string {
  let result = '';
  let at = 0;
  for (const [begin, end] of spans.toSorted(([a], [b]) => a - b)) {
    result += text.slice(at, begin) + text.slice(begin, end).replace(/[^\n]/g, ' ');
    at = end;
  }
  return result + text.slice(at);
}

function keep(text: string, spans: readonly Span[]): string {
  let result = '';
  let at = 0;
  for (const [begin, end] of spans) {
    result += text.slice(at, begin).replace(/[^\n]/g, ' ') + text.slice(begin, end);
    at = end;
  }
  return result + text.slice(at).replace(/[^\n]/g, ' ');
}

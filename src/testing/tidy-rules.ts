import { isCode, isTest, lineAt, type Source } from './tidy-source.ts';

/** Rules about one file at a time. What Oxlint can tell (imports, function sizes, promises) is left to it. */

export interface Fault {
  readonly line: number;
  readonly text: string;
}
export type Rule = (source: Source) => Fault[];

const FILE_LINES_MAX = 400;
const COMMENT_SHARE_MAX = 0.3;
/** In a smaller file one honest paragraph is a third of it. */
const COMMENT_SHARE_LINES_MIN = 40;

/** The only readers of the environment; everybody else is handed values. */
const ENVIRONMENT_READERS = ['src/config.ts', 'src/bank/config.ts', 'src/cli/environment.ts', 'start.mjs'];

/** Jest asks for a default export and for nothing else. */
const DEFAULT_EXPORTERS = ['jest.config.js', 'src/testing/global-setup.ts', 'src/testing/global-teardown.ts'];

/** What a class may be: something thrown, or the columns of a table. */
const BASE_CLASSES = ['Error', 'PayflowError', 'Model'];

const BARRELS = ['workflows/index.ts', 'activities/index.ts'];

/** Words that are never a name here, with the word that is. */
export const WORDS: ReadonlyMap<string, string> = new Map([
  ['tenant', 'merchant'],
  ['cart', 'order'],
  ['basket', 'order'],
  ['invoice', 'order'],
  ['preauth', 'authorization'],
  ['reversal', 'refund or void'],
  ['chargeback', 'refund'],
  ['psp', 'bank or connector'],
  ['processor', 'bank or connector'],
  ['provider', 'bank or connector'],
]);

export const RULES = {
  'file-size': inCode(({ text }) => {
    const lines = text.trimEnd().split('\n').length;
    return lines > FILE_LINES_MAX ? [{ line: FILE_LINES_MAX + 1, text: `${lines} lines; split it` }] : [];
  }),

  'comment-share': inCode(({ text, comments }) => {
    const share = linesWithText(comments) / linesWithText(text);
    if (linesWithText(text) < COMMENT_SHARE_LINES_MIN || share <= COMMENT_SHARE_MAX) return [];
    return [{ line: 1, text: `${Math.round(share * 100)} % of the lines are comments` }];
  }),

  environment: inCode((source) =>
    ENVIRONMENT_READERS.includes(source.path) || isTest(source)
      ? []
      : find(source.code, /\bprocess\s*\.\s*env\b/g, 'reads the environment; be handed the value'),
  ),

  'default-export': inCode(({ path, code }) =>
    DEFAULT_EXPORTERS.includes(path)
      ? []
      : find(code, /\bexport\s+default\b|\bas\s+default\b/g, 'export it by name'),
  ),

  'export-star': inCode(({ code }) => find(code, /\bexport\s*\*/g, 'name what is exported')),

  enum: inCode(({ code }) => find(code, /\benum\s+[A-Za-z_$]/g, 'use a union of strings')),

  class: inCode(({ code }) =>
    [
      ...code.matchAll(
        /\bclass\s+(?!extends\b)[A-Za-z_$][\w$]*(?:\s+extends\s+([\w$.]+))?|\bclass\s*(?:extends|\{)/g,
      ),
    ]
      .filter(([, base]) => base === undefined || !BASE_CLASSES.includes(base))
      .map((match) => ({
        line: lineAt(code, match.index),
        text: 'write createX(deps); classes are for errors and models',
      })),
  ),

  names: inCode(({ path, text, code }) => {
    // The columns of the tables stand in strings.
    const searched = path.startsWith('migrations/') ? text : code;
    return [path, searched].flatMap((where) =>
      [...where.matchAll(IDENTIFIER)].flatMap(({ 0: name, index }) =>
        wordsOf(name)
          .filter((word) => WORDS.has(word))
          .map((word) => ({
            line: lineAt(where, index),
            text: `"${word}" is called ${WORDS.get(word)} here`,
          })),
      ),
    );
  }),

  'file-name': inCode(({ path }) => {
    const name = path.slice(path.lastIndexOf('/') + 1);
    if (/^index\.tsx?$/.test(name) && !BARRELS.includes(path)) return [{ line: 1, text: 'no barrels' }];
    if (/(^|\/)(utils?|helpers?|common|misc)([./]|$)/.test(path)) {
      return [{ line: 1, text: 'name the file after what is in it' }];
    }
    return [];
  }),

  todo: inCode(({ comments }) =>
    find(comments, /\b(?:TODO|FIXME|XXX|HACK)\b(?!\s*\(#\d+\))/g, 'needs the number of its issue: TODO(#12)'),
  ),

  suppression: inCode(({ comments }) => [
    ...find(comments, /@ts-(?:ignore|nocheck)\b/g, 'use @ts-expect-error with a reason'),
    ...find(comments, /@ts-expect-error\b(?![^\n]*\w{3,}[^\n]*\w{3,})/g, 'give the reason'),
    ...find(comments, /\b(?:ox|es)lint-disable[\w-]*(?![^\n]* -- \w)/g, 'give the reason after " -- "'),
  ]),

  'half-a-suite': (source: Source) => {
    if (!source.path.endsWith('.test.ts')) return [];
    const lines = source.text.split('\n');
    const hasReason = (line: number) => /^\s*(\/\/|\*)/.test(lines[line - 2] ?? '');
    return [
      ...find(
        source.code,
        /\b(?:it|test|describe)\s*\.\s*only\b|\bf(?:it|describe)\s*\(/g,
        'the other tests are not run',
      ),
      ...find(
        source.code,
        /\b(?:it|test|describe)\s*\.\s*skip\b|\bx(?:it|test|describe)\s*\(/g,
        'say why in a comment above',
      ).filter(({ line }) => !hasReason(line)),
    ];
  },

  'machine-path': ({ text }: Source) =>
    find(text, /(?<![\w.~:*-])\/(?:work|root|home|Users)\/(?=[\w.-])/g, 'is a path of one machine'),

  'foreign-reference': ({ text }: Source) =>
    find(text, /(?<![\w-])shared\/(?=\w)/g, 'is not part of this project'),

  'invisible-character': ({ text }: Source) =>
    find(
      text,
      /(?![\n\t]|(?<=\p{Extended_Pictographic}\ufe0f?)\u200d)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
      'a control or invisible character; write its escape',
    ),
} as const satisfies Record<string, Rule>;

export type RuleName = keyof typeof RULES;

const IDENTIFIER = /[A-Za-z_$][\w$]*/g;

/** `amountCaptured`, `amount_captured` → amount, captured. */
function wordsOf(identifier: string): string[] {
  const apart = identifier.replace(/([a-z0-9])([A-Z])/g, '$1 $2').replace(/([A-Z])([A-Z][a-z])/g, '$1 $2');
  return apart
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .map((word) => (WORDS.has(word) ? word : word.replace(/s$/, '')));
}

function inCode(rule: Rule): Rule {
  return (source) => (isCode(source) ? rule(source) : []);
}

function find(text: string, pattern: RegExp, fault: string): Fault[] {
  return [...text.matchAll(pattern)].map((match) => ({
    line: lineAt(text, match.index),
    text: `${match[0].trim()} ${fault}`.trim(),
  }));
}

function linesWithText(text: string): number {
  return text.split('\n').filter((line) => line.trim() !== '').length;
}

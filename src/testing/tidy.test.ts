import { resolve } from 'node:path';
import { PROJECT_RULES, type ProjectRuleName } from './tidy-project.ts';
import { RULES, WORDS, type RuleName } from './tidy-rules.ts';
import { readTree, toSource, type Source } from './tidy-source.ts';
import { held, tidy, type Finding, type Ratchet } from './tidy.ts';

const ROOT = resolve(import.meta.dirname, '../..');

const RATCHET: Ratchet = [
  { rule: 'comment-share', path: 'src/bank/server.ts', times: 1, why: "its comment is the bank's interface" },
];

describe('the checkout', () => {
  it('is tidy', () => {
    expect(held(tidy(readTree(ROOT)), RATCHET)).toEqual([]);
  });

  it('is read whole', () => {
    const paths = readTree(ROOT).map(({ path }) => path);
    const expected = [
      'package.json',
      'package-lock.json',
      'start.mjs',
      '.ci/run',
      '.oxlintrc.json',
      'README.md',
    ];
    expect(paths).toEqual(expect.arrayContaining([...expected, 'src/domain/money.ts', 'workflows/order.ts']));
    expect(paths.filter((path) => /node_modules|^dist/.test(path))).toEqual([]);
  });
});

const HERE = 'src/db/orders.ts';
const TEST = 'src/db/orders.pg.test.ts';
const machinePath = (folder: string) => ['', folder, 'me', 'payflow'].join('/');
const lines = (count: number, line = 'call();') => `${line}\n`.repeat(count);

/** For each rule: what it refuses, each with its line, and what looks alike and is right. */
const SAMPLES: Record<RuleName, { refused: Sample[]; fine: Sample[] }> = {
  'file-size': {
    refused: [[lines(401), 401]],
    fine: [[lines(400)], [lines(2_000), 'docs/long.md']],
  },
  'comment-share': {
    refused: [
      [lines(20, '// why') + lines(40), 1],
      [`/**\n${lines(20, ' * why')} */\n${lines(40)}`, 1],
    ],
    fine: [
      [lines(17, '// why') + lines(43)],
      [lines(10, '// why') + lines(20)],
      [lines(60, "say('// not one');")],
    ],
  },
  environment: {
    refused: [
      ["const url = process.env['DATABASE_URL'];", 1],
      ['\nuse(`${process.env.HOME}`);', 2],
      ['const { env } = process;\nconst all = process\n  .env;', 2],
    ],
    fine: [
      ['// process.env is read in config.ts'],
      ["say('process.env')"],
      ['use(process.env);', TEST],
      ['use(process.env);', 'src/config.ts'],
    ],
  },
  'default-export': {
    refused: [
      ['export default function orders() {}', 1],
      ['export { orders as default };', 1],
    ],
    fine: [
      ['export { default as koa } from "koa";'],
      ['export default {};', 'jest.config.js'],
      ['// export default is not ours'],
    ],
  },
  'export-star': {
    refused: [
      ["export * from './orders.ts';", 1],
      ["export * as orders from './orders.ts';", 1],
    ],
    fine: [["export { orders } from './orders.ts';"], ['export const twice = 2 * 2;']],
  },
  enum: {
    refused: [
      ['export enum Status { Paid }', 1],
      ['const enum Status { Paid }', 1],
    ],
    fine: [["z.enum(['paid'])"], ['const schema = { enum: [1] };'], ['/** No enum Status here. */']],
  },
  class: {
    refused: [
      ['export class OrderService {}', 1],
      ['export class Orders extends BaseRepository {}', 1],
      ['const orders = new (class { find() {} })();', 1],
    ],
    fine: [
      ['export class NewerDatabase extends Error {}'],
      ['export class UserModel extends Model {}'],
      ['class InvalidRequest extends PayflowError {}'],
      ['const html = `<p class="warn">class Order</p>`;'],
      ['const error = { class: 1 };'],
    ],
  },
  names: {
    refused: [
      ['const tenantId = 1;', 1],
      ['\nconst { carts } = shop;', 2],
      ['create table t (psp_reference text);', 1, 'migrations/1_x.ts'],
      ['const PSP_URL = 1;', 1],
      ['', 1, 'src/db/invoices.ts'],
    ],
    fine: [
      ['const cartography = 1;'],
      ["say('shopping cart')"],
      ['// the invoice is the shop’s affair'],
      ['tenant', 'docs/x.md'],
    ],
  },
  'file-name': {
    refused: [
      ['', 1, 'src/db/index.ts'],
      ['', 1, 'src/utils.ts'],
      ['', 1, 'src/api/helpers/x.ts'],
    ],
    fine: [
      ['', 'workflows/index.ts'],
      ['', 'src/api/utilization.ts'],
      ['', 'checkout/shop/index.html'],
    ],
  },
  todo: {
    refused: [
      ['// TODO: later', 1],
      ['call(); // FIXME(me) now', 1],
      ['/*\n * HACK\n */', 2],
    ],
    fine: [['// TODO(#12): later'], ["say('TODO')"], ['const TODO = 1;']],
  },
  suppression: {
    refused: [
      ['// @ts-ignore because of x', 1],
      ['// @ts-expect-error', 1],
      ['// oxlint-disable-next-line no-console', 1],
      ['/* eslint-disable */', 1],
    ],
    fine: [
      ['// @ts-expect-error the types are those of version 2'],
      ['// oxlint-disable-next-line no-console -- it is an entry point'],
    ],
  },
  'half-a-suite': {
    refused: [
      ["it.only('pays', pays);", 1, TEST],
      ["// For now.\nit.only('pays', pays);", 2, TEST],
      ["\ndescribe.skip('pays', pays);", 2, TEST],
      ["xit('pays', pays);", 1, TEST],
    ],
    fine: [
      ["// No bank has one yet.\nit.skip('pays', pays);", TEST],
      ['rows.skip(1);', TEST],
      ["it.only('x', y)", HERE],
    ],
  },
  'machine-path': {
    refused: [
      [`const file = '${machinePath('home')}';`, 1],
      [`\n// see ${machinePath('root')}`, 2],
      [machinePath('work'), 1, 'docs/x.md'],
    ],
    fine: [["get('https://shop.example/home/page')"], ['~/work/x'], ["const HOME = '/home';"]],
  },
  'foreign-reference': {
    refused: [
      [`// see ${'shared'}/notes.md`, 1],
      [`[notes](../${'shared'}/notes.md)`, 1, 'docs/x.md'],
    ],
    fine: [['// shared by the bank and us'], ["import x from './un-shared/x.ts'"]],
  },
  'invisible-character': {
    refused: [
      [`const a = '${String.fromCodePoint(0x202e)}';`, 1],
      [`\n${String.fromCodePoint(0x200b)}`, 2, 'docs/x.md'],
      ['a\r\nb', 1],
      [`say('${String.fromCodePoint(0)}')`, 1],
    ],
    // A family of emoji holds together by an invisible joiner.
    fine: [
      ["const price = '₹499 – paid';\n\tcall();"],
      [`say('${String.fromCodePoint(0x1f468, 0x200d, 0x1f469)}')`],
    ],
  },
};

/** Text, then the line of the finding where there is one, then the path if it matters. */
type Sample = readonly [text: string, ...rest: (number | string)[]];

function titled(sample: Sample): [string, Sample] {
  return [JSON.stringify(sample).slice(0, TITLE_CHARACTERS_MAX), sample];
}

const TITLE_CHARACTERS_MAX = 80;

function sourceOf([text, ...rest]: Sample): Source {
  return toSource(rest.find((each) => typeof each === 'string') ?? HERE, text);
}

describe.each(Object.entries(SAMPLES) as [RuleName, (typeof SAMPLES)[RuleName]][])(
  '%s',
  (rule, { refused, fine }) => {
    it.each(refused.map(titled))('refuses %s', (_title, sample) => {
      const expected = sample.find((each) => typeof each === 'number');
      expect(RULES[rule](sourceOf(sample)).map(({ line }) => line)).toEqual([expected]);
    });

    it.each(fine.map(titled))('lets %s pass', (_title, sample) => {
      expect(RULES[rule](sourceOf(sample))).toEqual([]);
    });
  },
);

const LOCK = {
  packages: {
    '': { dependencies: { a: '1.0.0' }, devDependencies: { d: '1.0.0' } },
    'node_modules/a': { dependencies: { b: '^1.0.0' }, optionalDependencies: { 'a-linux': '1.0.0' } },
    'node_modules/a/node_modules/b': { dependencies: { d: '*' } },
    'node_modules/a-linux': {},
    'node_modules/d': {},
  },
};

function without(name: keyof (typeof LOCK)['packages']): string {
  const { [name]: _left, ...packages } = LOCK.packages;
  return JSON.stringify({ packages });
}

/** For each rule: trees that it refuses, with the path and line of the finding, and one that is right. */
const TREES: Record<ProjectRuleName, { refused: [Tree, string][]; fine: Tree }> = {
  readme: {
    refused: [
      [{ 'src/a.ts': '' }, 'src/README.md:1'],
      [{ 'bench/run.ts': '', 'README.md': '' }, 'bench/README.md:1'],
    ],
    fine: { 'src/a.ts': '', 'src/README.md': '# src', 'start.mjs': '' },
  },
  links: {
    refused: [
      [{ 'README.md': 'See\n[there](docs/x.md).' }, 'README.md:2'],
      [{ 'docs/a.md': '[up](../b.md)', 'docs/b.md': '' }, 'docs/a.md:1'],
      [{ 'README.md': '# Some title\n[there](#some-titel)' }, 'README.md:2'],
      [{ 'README.md': '[there](b.md#x)', 'b.md': '# y' }, 'README.md:1'],
    ],
    fine: {
      'README.md':
        '# What `it` is, (really)\n[a](#what-it-is-really) [b](src/) [c](src/b.md#some-title "title") [d](https://example.com/x)\n```\n[e](none)\n```',
      'src/b.md': '## Some title\n[up](../README.md) [file](./c.ts)',
      'src/c.ts': '',
    },
  },
  mentions: {
    refused: [[{ 'src/a.ts': '// as design.md says', 'README.md': '' }, 'src/a.ts:1']],
    fine: { 'src/a.ts': "// see README.md of this folder\nread('none.md')", 'src/README.md': '' },
  },
  settings: {
    refused: [
      [{ 'src/config.ts': '    PAYFLOW_X: z.string(),', 'README.md': 'PAYFLOW_X' }, 'README.md:1'],
      [{ 'src/config.ts': '    PORT: port,', 'README.md': '`PORT` `PAYFLOW_Y`' }, 'README.md:1'],
    ],
    fine: { 'src/config.ts': '    PORT: port,\n    PAYFLOW_X: url,', 'README.md': '| `PORT`, `PAYFLOW_X` |' },
  },
  'lock-without-hosts': {
    refused: [
      [
        { 'package-lock.json': '{\n"resolved": "https://registry.example.com/a.tgz"}' },
        'package-lock.json:2',
      ],
    ],
    fine: { 'package-lock.json': '{ "url": "https://example.com/sponsor" }' },
  },
  'lock-complete': {
    refused: [
      [{ 'package-lock.json': without('node_modules/a-linux') }, 'package-lock.json:1'],
      [{ 'package-lock.json': without('node_modules/a/node_modules/b') }, 'package-lock.json:1'],
    ],
    fine: { 'package-lock.json': JSON.stringify(LOCK) },
  },
  'exact-versions': {
    refused: [[{ 'package.json': '{ "dependencies": {\n"koa": "^3.3.0" } }' }, 'package.json:2']],
    fine: { 'package.json': '{ "engines": { "node": ">=20.20" }, "dependencies": { "koa": "3.3.0" } }' },
  },
};

type Tree = Readonly<Record<string, string>>;

function treeOf(files: Tree): Source[] {
  return Object.entries(files).map(([path, text]) => toSource(path, text));
}

describe.each(Object.entries(TREES) as [ProjectRuleName, (typeof TREES)[ProjectRuleName]][])(
  '%s',
  (rule, { refused, fine }) => {
    it.each(refused)('refuses %#', (files, expected) => {
      expect(PROJECT_RULES[rule](treeOf(files)).map(({ path, line }) => `${path}:${line}`)).toEqual([
        expected,
      ]);
    });

    it('lets what is right pass', () => {
      expect(PROJECT_RULES[rule](treeOf(fine))).toEqual([]);
    });
  },
);

describe('the ratchet', () => {
  const finding: Finding = { rule: 'enum', path: HERE, line: 3, text: 'no' };
  const entry = { rule: 'enum', path: HERE, why: 'it was there first' } as const;

  it('holds where it is', () => {
    expect(held([finding, finding], [{ ...entry, times: 2 }])).toEqual([]);
  });

  it('does not give way', () => {
    expect(held([finding, finding], [{ ...entry, times: 1 }])).toHaveLength(2);
    expect(held([{ ...finding, path: TEST }], [{ ...entry, times: 1 }])).toContain(`${TEST}:3 enum: no`);
  });

  it('has to be tightened when it can be', () => {
    expect(held([finding], [{ ...entry, times: 2 }])).toEqual([
      `enum ${HERE}: 1 left of 2; lower the number`,
    ]);
  });
});

describe('telling code, strings and comments apart', () => {
  it('sees code inside a template, and strings inside that code', () => {
    const { code, comments } = toSource(HERE, "a(`x ${b({ c: `//${d}` })} // y`, '//', /[/]\\/\\/`/); // e");
    expect(code.replace(/\s+/g, ' ')).toBe("a(` ${b({ c: ` ${d}` })} `, ' ', / /); ");
    expect(comments.trim()).toBe('// e');
  });

  it('keeps every line where it is', () => {
    const text = '/* a\n b */\nconst c = `d\n${e}\n`;\n// f';
    const { code, comments } = toSource(HERE, text);
    expect([code, comments].map((each) => each.split('\n').length)).toEqual([6, 6]);
    expect(code.split('\n')[3]).toBe('${e}');
  });

  it('takes a division for a division', () => {
    expect(toSource(HERE, "const half = a / 2; say('b'); const c = d / e;").code).toContain('a / 2; say(');
  });
});

it('bans no word that is right in another place', () => {
  const right = [...WORDS.values()].flatMap((text) => text.split(' or '));
  expect(right.filter((word) => WORDS.has(word))).toEqual([]);
});

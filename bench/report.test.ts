import { OTHERS } from './cpu.ts';
import type { EngineReport, Summary } from './engine.ts';
import { faultsOf, goalsOf, textOf } from './report.ts';

const at = (median: number) => ({ median, lowest: median - 0.1, highest: median + 0.1 });
const summary = (cpuMsPerOrder: Summary['cpuMsPerOrder']): Summary => ({
  ordersPerSecond: at(40),
  payP50: at(300),
  payP99: at(500),
  aloneP50: at(30),
  settledMs: at(20),
  historyLength: 9,
  transitions: 2,
  cpuMsPerOrder,
});
const report: EngineReport = {
  choice: { engine: 'postgres', why: 'go is on the PATH' },
  server: { version: '1.31.2', persistence: 'postgres12_pgx' },
  load: { rounds: 5, orders: 150, concurrency: 16 },
  contenders: {
    PayFlow: summary({ API: 8, Temporal: 12, [OTHERS]: 50 }),
    bare: summary({ API: 0, Temporal: 10, [OTHERS]: 60 }),
  },
  ratios: { bare: at(0.7), usual: at(1.4) },
  aloneBeyondBareMs: at(12),
  errors: [],
  webhooks: { expected: 8, arrived: 8 },
  turns: {},
};

test('a goal is met by the median, up to the limit itself', () => {
  expect(goalsOf(report).map(({ isMet }) => isMet)).toEqual([true, true, true]);
  const worse = { ratios: { bare: at(0.69), usual: at(1.39) }, aloneBeyondBareMs: at(12.1) };
  expect(goalsOf({ ...report, ...worse }).map(({ isMet }) => isMet)).toEqual([false, false, false]);
  expect(textOf({ ...report, ...worse }).match(/MISSED/g)).toHaveLength(3);
});

test('nothing measured meets no goal', () => {
  const nothing = { ratios: { bare: at(NaN), usual: at(NaN) }, aloneBeyondBareMs: at(NaN) };
  expect(goalsOf({ ...report, ...nothing }).some(({ isMet }) => isMet)).toBe(false);
});

test('errors and webhooks that are missing or too many make the figures worthless', () => {
  expect(faultsOf(report)).toEqual([]);
  expect(faultsOf({ ...report, errors: ['bare: no', 'bare: nor this'] })).toEqual([
    '2 errors, the first: bare: no',
  ]);
  for (const arrived of [7, 9]) {
    const text = textOf({ ...report, webhooks: { expected: 8, arrived } });
    expect(text).toContain(`WORTHLESS: ${arrived} webhooks arrived, expected were 8`);
    expect(text).not.toContain('Errors 0');
  }
});

test('says which engine, and where the CPU time went', () => {
  const lines = textOf(report).split('\n');
  expect(lines[0]).toBe('Temporal 1.31.2 on postgres12_pgx (postgres: go is on the PATH)');
  expect(lines).toContain('CPU ms per order  PayFlow  bare');
  expect(lines).toContain('Temporal             12.0  10.0');
  expect(lines).toContain('sum                  20.0  10.0');
  expect(lines).toContain('other programs       50.0  60.0');
});

test("says that a given server's CPU time is missing from the sum", () => {
  const given = { ...report, contenders: { PayFlow: summary({ API: 8 }) } };
  expect(textOf(given)).toContain('Temporal is not ours');
  expect(textOf(report)).not.toContain('Temporal is not ours');
});

test('where the system does not tell CPU time the table is left out, and that is said', () => {
  const text = textOf({ ...report, contenders: { PayFlow: summary(null) } });
  expect(text).toContain('CPU time by process is left out');
  expect(text).not.toContain('CPU ms per order');
});

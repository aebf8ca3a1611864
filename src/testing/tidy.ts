import { PROJECT_RULES, type ProjectRuleName } from './tidy-project.ts';
import { RULES, type RuleName } from './tidy-rules.ts';
import type { Source } from './tidy-source.ts';

/**
 * The house rules that no compiler and no linter knows. They live in code and not in a document, so
 * that nobody has to remember them; each one has a test that shows what it refuses.
 */

export interface Finding {
  readonly rule: RuleName | ProjectRuleName;
  readonly path: string;
  readonly line: number;
  readonly text: string;
}

/** How often a file may break a rule, for what was there first or is right all the same. It only ever shrinks. */
export type Ratchet = readonly {
  readonly rule: Finding['rule'];
  readonly path: string;
  readonly times: number;
  readonly why: string;
}[];

export function tidy(tree: readonly Source[]): Finding[] {
  const single = Object.entries(RULES).flatMap(([rule, check]) =>
    tree.flatMap((source) =>
      check(source).map((fault) => ({ rule: rule as RuleName, path: source.path, ...fault })),
    ),
  );
  const whole = Object.entries(PROJECT_RULES).flatMap(([rule, check]) =>
    check(tree).map((fault) => ({ rule: rule as ProjectRuleName, ...fault })),
  );
  return [...single, ...whole];
}

/** What stays after the ratchet, and where the ratchet itself is looser than it needs to be. */
export function held(findings: readonly Finding[], ratchet: Ratchet): string[] {
  const of = (entry: { rule: string; path: string }) => `${entry.rule} ${entry.path}`;
  const counts = new Map<string, number>();
  for (const finding of findings) counts.set(of(finding), (counts.get(of(finding)) ?? 0) + 1);
  const allowed = new Map(ratchet.map((entry) => [of(entry), entry.times]));
  const broken = findings
    .filter((finding) => counts.get(of(finding))! > (allowed.get(of(finding)) ?? 0))
    .map(({ path, line, rule, text }) => `${path}:${line} ${rule}: ${text}`);
  const loose = ratchet
    .filter((entry) => (counts.get(of(entry)) ?? 0) < entry.times)
    .map((entry) => `${of(entry)}: ${counts.get(of(entry)) ?? 0} left of ${entry.times}; lower the number`);
  return [...broken, ...loose];
}

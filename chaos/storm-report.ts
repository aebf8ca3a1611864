import { TARGETS } from './kill.ts';
import type { Storm } from './storm.ts';

const FAULTS_SHOWN_MAX = 40;

/** A storm for people: what was done, what came of it, and below what is wrong. */
export function stormText(storm: Storm): string {
  const { orders, submits, kills, answers, refunds, ledgerSum, webhooks, audit, faults } = storm;
  const killed = TARGETS.map((target) => `${target} ${kills.byTarget[target]}`).join(', ');
  const missed = kills.missed === 0 ? '' : `; ${kills.missed} more were still dead`;
  const told = Object.entries(answers).toSorted(([, a], [, b]) => b - a);
  return [
    `orders            ${orders}, ${submits} payers at once for each`,
    `kills             ${kills.done}: ${killed}${missed}`,
    `answers           ${told.map(([name, count]) => `${count} × ${name}`).join(', ')}`,
    `slowest answer    ${(storm.slowestAnswerMs / 1_000).toFixed(1)} s, repeats included`,
    `refunds           ${refunds.asked} asked, ${refunds.given} given`,
    `ledger sum        ${ledgerSum}`,
    `webhooks          ${webhooks.arrived} of ${webhooks.expected} events`,
    `auditor           ${audit.orders} orders, ${audit.bank_entries} entries of the bank's journal, ${audit.differences.length} differences`,
    '',
    ...faults.slice(0, FAULTS_SHOWN_MAX).map((fault) => `✗ ${fault}`),
    faults.length === 0
      ? 'Every order charged exactly once, nothing given back twice, nothing left open.'
      : `${faults.length} faults.`,
    '',
  ].join('\n');
}

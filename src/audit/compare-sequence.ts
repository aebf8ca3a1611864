import type { Difference } from './difference.ts';

/** Some of a merchant's numbers, ascending, that come after the ones seen before. */
export interface SequencePart {
  readonly merchantId: string;
  readonly after: number;
  readonly found: readonly number[];
}

/** The public events of a merchant are numbered 1, 2, 3 … */
export function compareSequence({ merchantId, after, found }: SequencePart): Difference[] {
  return found.flatMap((sequence, index): Difference[] => {
    const expected = (found[index - 1] ?? after) + 1;
    return sequence === expected ? [] : [gap(merchantId, [`expected ${expected}`, `found ${sequence}`])];
  });
}

/** … up to the number that the merchant's counter has reached. */
export function compareSequenceEnd(
  merchantId: string,
  { counter, last }: { counter: number; last: number },
): Difference[] {
  return counter === last ? [] : [gap(merchantId, [`counter ${counter}`, `last event ${last}`])];
}

function gap(merchantId: string, sides: [string, string]): Difference {
  return { code: 'merchant_sequence', ref: `merchant ${merchantId}`, what: 'sequence', sides };
}

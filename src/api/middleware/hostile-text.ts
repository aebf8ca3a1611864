import { PayflowError } from '../../domain/errors.ts';
import { InvalidRequest } from './invalid-request.ts';

const DEPTH_MAX = 8;
const FORBIDDEN = { msg: 'Extra inputs are not permitted', type: 'extra_forbidden' };
const LONE_SURROGATE = /\p{Surrogate}/u;

/** Refuses what Postgres cannot store and what would make us recurse, in names as well as in values. */
export function refuseHostileText(value: unknown, depth = 0): void {
  if (typeof value === 'string') return refuseText(value);
  if (typeof value !== 'object' || value === null) return;
  if (depth === DEPTH_MAX) throw new PayflowError('too_deep');
  for (const [name, item] of Object.entries(value)) {
    refuseText(name);
    // Schemas skip it: where any name is allowed it would be lost without a word.
    if (name === '__proto__') throw new InvalidRequest([{ ...FORBIDDEN, loc: ['body', name] }]);
    refuseHostileText(item, depth + 1);
  }
}

function refuseText(text: string): void {
  if (text.includes('\u0000')) throw new PayflowError('nul_character');
  if (LONE_SURROGATE.test(text)) throw new PayflowError('lone_surrogate');
}

import { Refusal } from '../src/local/refusal.ts';

/**
 * `postgres`: a Temporal of our own on Postgres persistence. `local`: the development server of
 * `payflow up`, on SQLite. `given`: the one at TEMPORAL_ADDRESS.
 */
export const ENGINES = ['postgres', 'local', 'given'] as const;
export type Engine = (typeof ENGINES)[number];

export interface Found {
  /** What `--engine` said. */
  readonly wanted: Engine | undefined;
  readonly temporalAddress: string | undefined;
  /** A server that an earlier bench built. */
  readonly programs: boolean;
  readonly go: boolean;
}

export interface Choice {
  readonly engine: Engine;
  readonly why: string;
}

/** Which Temporal is measured, and why that one. */
export function chooseEngine({ wanted, temporalAddress, programs, go }: Found): Choice {
  if (wanted === 'given' && temporalAddress === undefined) {
    throw new Refusal('`--engine given` needs TEMPORAL_ADDRESS.');
  }
  if (wanted !== undefined) return { engine: wanted, why: `--engine ${wanted}` };
  if (temporalAddress !== undefined) return { engine: 'given', why: 'TEMPORAL_ADDRESS is set' };
  if (programs) return { engine: 'postgres', why: 'its server was built before' };
  if (go) return { engine: 'postgres', why: 'go is on the PATH to build its server' };
  return {
    engine: 'local',
    why: 'there is no go on the PATH to build a server for Postgres, and no TEMPORAL_ADDRESS',
  };
}

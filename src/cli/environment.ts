import { join, resolve } from 'node:path';
import { loadTemporalSettings } from '../config.ts';

/** The checkout: this file is in dist/src/cli. */
const ROOT = resolve(import.meta.dirname, '../../..');

/** The environment of a `payflow` command: read here, handed on as values. */
export function readEnvironment() {
  const env = process.env;
  return {
    home: resolve(env['PAYFLOW_HOME'] ?? join(ROOT, '.payflow')),
    build: join(ROOT, 'dist'),
    databaseUrl: emptyIsUnset(env['DATABASE_URL']),
    temporalAddress: emptyIsUnset(env['TEMPORAL_ADDRESS']),
    /** Throws where the settings are not usable. */
    temporal: () => loadTemporalSettings(env),
    development: env['PAYFLOW_MODE'] !== 'production',
    startedByNpm: env['npm_lifecycle_event'] === 'start',
    /** For the processes that we start: all but what npm adds. */
    inherited: Object.fromEntries(
      Object.entries(env).filter(
        (pair): pair is [string, string] => pair[1] !== undefined && !pair[0].startsWith('npm_'),
      ),
    ),
  };
}

export type Environment = ReturnType<typeof readEnvironment>;

function emptyIsUnset(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

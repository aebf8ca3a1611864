import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parse } from 'yaml';

/** docker-compose.yml, .env.example and the documents, as tests read them. */

const ROOT = resolve(import.meta.dirname, '../..');

export interface ComposeService {
  readonly image: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly ports?: readonly string[];
  readonly restart: string;
  readonly profiles?: readonly string[];
}

export interface Compose {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly configs: Readonly<Record<string, { readonly content: string }>>;
}

export function readRoot(file: string): string {
  return readFileSync(resolve(ROOT, file), 'utf8');
}

export function readCompose(): Compose {
  return parse(readRoot('docker-compose.yml'), { merge: true }) as Compose;
}

interface Variable {
  readonly name: string;
  /** What follows `:-` or `:?`. */
  readonly operator: string | undefined;
  readonly rest: string | undefined;
}

/** `$$` is a dollar sign for the shell inside. */
const VARIABLE = /(?<!\$)\$\{(?<name>\w+)(?:(?<operator>:[-?])(?<rest>[^}]*))?\}/g;

/** Every `${NAME…}` that `docker compose` fills in. */
export function variablesIn(text: string): Variable[] {
  return [...text.matchAll(VARIABLE)].map(({ groups }) => ({
    name: groups!['name']!,
    operator: groups!['operator'],
    rest: groups!['rest'],
  }));
}

/** As `docker compose` does it; throws for a required variable that is missing or empty. */
export function filledIn(text: string, env: Readonly<Record<string, string>>): string {
  return text.replace(VARIABLE, (_, name: string, operator?: string, rest?: string) => {
    const value = env[name] ?? '';
    if (value !== '' || operator === undefined) return value;
    if (operator === ':?') throw new Error(`${name}: ${rest ?? ''}`);
    return rest ?? '';
  });
}

export interface Example {
  readonly name: string;
  readonly value: string;
  /** Commented out: the value is the default. */
  readonly isDefault: boolean;
}

export function readEnvExample(): Example[] {
  const lines = readRoot('.env.example').matchAll(/^(?<off>#?)(?<name>[A-Z][A-Z_]+)=(?<value>.*)$/gm);
  return [...lines].map(({ groups }) => ({
    name: groups!['name']!,
    value: groups!['value']!,
    isDefault: groups!['off'] === '#',
  }));
}

/** `node dist/src/server.js` → `src/server.ts` */
export function sourceOf(entry: string): string {
  return entry.replace(/^dist\//, '').replace(/\.js$/, '.ts');
}

/** The words after `payflow` in every command of a text: `payflow temporal prepare`. */
export function payflowCommandsIn(text: string): string[] {
  const calls = text.matchAll(
    /(?:^|[\s"'`])(?:payflow(?: --)?|npm run payflow --|node dist\/src\/cli\/payflow\.js) (?<words>[a-z]+(?: [a-z]+)?)/g,
  );
  return [...new Set([...calls].map(({ groups }) => groups!['words']!))];
}

import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

/** What a client was told in the end. */
export interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  /** How often it had to ask, and how long it waited for the answer in all. */
  readonly tries: number;
  readonly ms: number;
  /** When it came, ISO 8601. */
  readonly at: string;
}

type Response = Pick<Answer, 'status' | 'body'>;

export interface Asked {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: object;
  /** `key_id:key_secret`; without it, as a payer. */
  readonly credentials?: string;
  /** The key under which the same request is the same request, however often it is sent. */
  readonly key?: string;
}

const TRY_MS_MAX = 20_000;
const ANSWER_MS_MAX = 90_000;
const PAUSE_MS = 250;
/** Refused because the first try is still under way. */
const IN_USE = 'idempotency_key_in_use';

/**
 * Asks as a careful client does: the same request with the same key, again and again while the line
 * breaks, the server is at fault, or it has accepted and not answered. Throws if no answer comes.
 */
export async function askUntilAnswered(base: string, asked: Asked): Promise<Answer> {
  const same = { key: randomUUID(), ...asked };
  const began = performance.now();
  const giveUpAt = Date.now() + ANSWER_MS_MAX;
  for (let tries = 1; ; tries += 1) {
    const answer = await ask(base, same).catch((error: unknown) => String(error));
    if (typeof answer !== 'string' && isFinal(answer)) {
      return { ...answer, tries, ms: performance.now() - began, at: new Date().toISOString() };
    }
    if (Date.now() > giveUpAt) {
      throw new Error(`${asked.method} ${asked.path}: no answer in ${tries} tries, last ${shown(answer)}`);
    }
    await sleep(PAUSE_MS);
  }
}

function isFinal({ status, body }: Response): boolean {
  if (status === 202 || status === 429 || status >= 500) return false;
  return reasonOf(body) !== IN_USE;
}

export function reasonOf(body: Answer['body']): string | null {
  const error = body['error'] as { reason?: string } | undefined;
  return error?.reason ?? null;
}

function shown(answer: string | Response): string {
  return typeof answer === 'string' ? answer : `${answer.status} ${JSON.stringify(answer.body)}`;
}

async function ask(base: string, { method, path, body, credentials, key }: Asked) {
  const response = await fetch(base + path, {
    method,
    headers: {
      'content-type': 'application/json',
      ...(key === undefined || method === 'GET' ? {} : { 'idempotency-key': key }),
      ...(credentials === undefined
        ? {}
        : { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    // The bank's page sends the payer back to ours, which is for people.
    redirect: 'manual',
    signal: AbortSignal.timeout(TRY_MS_MAX),
  });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json') === true;
  return { status: response.status, body: (isJson ? JSON.parse(text) : {}) as Answer['body'] };
}

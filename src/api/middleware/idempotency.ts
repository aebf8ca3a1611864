import { createHmac } from 'node:crypto';
import type { Knex } from 'knex';
import { claimKey, findReply, storeReply, type KeyedRequest } from '../../db/idempotency-keys.ts';
import { PayflowError } from '../../domain/errors.ts';
import type { ApiContext } from '../context.ts';
import { deriveKey } from '../derive-key.ts';

/** What a handler answers with; the guard sends it. */
export interface Reply {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

const VISIBLE_ASCII = /^[\x21-\x7e]{1,255}$/;
/** How long a twin waits for the first one's answer. */
const WAIT_MS = 5_000;
const RETRY_AFTER_SECONDS = 1;
const LOCK_NOT_AVAILABLE = '55P03';

export const REPLAYED = { 'Idempotent-Replayed': 'true' } as const;

/** The caller's own name for his request, or null. `X-Refund-Idempotency` is what Razorpay's clients send. */
export function idempotencyKey(ctx: ApiContext): string | null {
  const header = ctx.req.headers['idempotency-key'] ?? ctx.req.headers['x-refund-idempotency'];
  if (header === undefined) return null;
  if (typeof header !== 'string' || !VISIBLE_ASCII.test(header)) {
    throw new PayflowError('invalid_idempotency_key');
  }
  return header;
}

export type RequestHash = (request: { method: string; path: string; body: unknown }) => string;

/**
 * Tells the same request from another one under the same key. Keyed, because it is stored beside data
 * that an attacker of the database could otherwise guess the body from.
 */
export function createRequestHash(secretKey: string): RequestHash {
  const key = deriveKey(secretKey, 'request-hash');
  return ({ method, path, body }) =>
    createHmac('sha256', key)
      .update(JSON.stringify([method, path, canonical(body)]))
      .digest('hex');
}

/** The same value whatever order the sender wrote the properties in. */
function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (value instanceof Date) return value.toISOString();
  if (typeof value !== 'object' || value === null) return value;
  const sorted = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(sorted.map(([name, item]) => [name, canonical(item)]));
}

/** For POSTs that belong to no order: those keep their keys in `commands`. */
export interface StoredReplies {
  /** The answer of an earlier request with this key, if there was one. */
  find(request: KeyedRequest): Promise<Reply | null>;
  /**
   * Does the work in one transaction, together with the key if there is one. `stored` is the body that
   * a replay gets.
   */
  once<R extends Reply>(
    request: KeyedRequest | null,
    work: (trx: Knex.Transaction) => Promise<{ reply: R; stored: R['body'] }>,
  ): Promise<R>;
}

export function createStoredReplies(knex: Knex): StoredReplies {
  async function find(request: KeyedRequest): Promise<Reply | null> {
    const reply = await findReply(knex, request);
    if (reply === null) return null;
    if (reply.requestHash !== request.requestHash) throw new PayflowError('idempotency_key_reused');
    return { status: reply.status, body: reply.body, headers: REPLAYED };
  }

  return {
    find,
    async once<R extends Reply>(
      request: KeyedRequest | null,
      work: (trx: Knex.Transaction) => Promise<{ reply: R; stored: R['body'] }>,
    ): Promise<R> {
      if (request === null) return (await knex.transaction(work)).reply;
      const done = await unlessInUse(() =>
        knex.transaction(async (trx) => {
          if (!(await claimKey(trx, request, WAIT_MS))) return null;
          const { reply, stored } = await work(trx);
          await storeReply(trx, request, { status: reply.status, body: stored });
          return reply;
        }),
      );
      const reply = done ?? (await find(request));
      if (reply === null) throw inUse();
      // A stored reply of this route was an R when it was stored.
      return reply as R;
    },
  };
}

async function unlessInUse<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if ((error as { code?: unknown }).code === LOCK_NOT_AVAILABLE) throw inUse();
    throw error;
  }
}

function inUse(): PayflowError {
  return new PayflowError('idempotency_key_in_use', { retryAfterSeconds: RETRY_AFTER_SECONDS });
}

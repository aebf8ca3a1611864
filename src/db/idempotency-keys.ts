import type { Knex } from 'knex';

/** Which request it is: the caller and the route, the key it chose, and a hash of what it asked for. */
export interface KeyedRequest {
  readonly scope: string;
  readonly key: string;
  readonly requestHash: string;
}

export interface StoredReply {
  readonly requestHash: string;
  readonly status: number;
  readonly body: unknown;
}

/**
 * Takes the key inside the transaction that does the work, so that key, work and reply stand or fall
 * together: a crash leaves no key that is "in use" for ever. A twin waits in the unique index until
 * this transaction ends. False: the key has been used.
 */
export async function claimKey(
  trx: Knex.Transaction,
  request: KeyedRequest,
  waitMs: number,
): Promise<boolean> {
  await trx.raw(`select set_config('lock_timeout', ?, true)`, [`${waitMs}ms`]);
  const rows = await trx('idempotency_keys')
    .insert({ scope: request.scope, key: request.key, request_hash: request.requestHash })
    .onConflict(['scope', 'key'])
    .ignore()
    .returning('key');
  return rows.length === 1;
}

export async function storeReply(
  trx: Knex.Transaction,
  { scope, key }: KeyedRequest,
  reply: { status: number; body: unknown },
): Promise<void> {
  await trx('idempotency_keys')
    .where({ scope, key })
    .update({ status: reply.status, body: JSON.stringify(reply.body) });
}

export async function findReply(knex: Knex, { scope, key }: KeyedRequest): Promise<StoredReply | null> {
  const row = await knex<{
    scope: string;
    key: string;
    request_hash: string;
    status: number | null;
    body: unknown;
  }>('idempotency_keys')
    .where({ scope, key })
    .first();
  if (row === undefined || row.status === null) return null;
  return { requestHash: row.request_hash, status: row.status, body: row.body };
}

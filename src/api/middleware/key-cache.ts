import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import bcrypt from 'bcrypt';
import { LRUCache } from 'lru-cache';
import type pg from 'pg';
import { findKeyRecord, type KeyRecord, type Scope } from '../../db/api-keys.ts';
import { listenForKeyChanges, type KeyChange } from '../../db/key-changes.ts';
import { checkSecret, createBcryptLane, type BcryptCompare } from '../../db/passwords.ts';
import { PayflowError } from '../../domain/errors.ts';
import { createKeySecrets, type Credentials } from './key-secrets.ts';
import { createUseStamps } from './key-use-stamps.ts';

/** Who makes a request with an API key. */
export interface ApiCaller {
  readonly keyId: string;
  readonly merchantId: string;
  readonly merchantName: string;
  readonly scopes: readonly Scope[];
}

export interface ApiKeys {
  /** Throws `invalid_api_credentials` or `merchant_inactive`. */
  authenticate(credentials: Credentials): Promise<ApiCaller>;
  /** Drops what is remembered about a key at once, in this process. */
  forget(keyId: string): void;
  /** Settles once changes made elsewhere are heard; until then nothing is remembered. */
  ready(): Promise<void>;
  /** Writes what is left to write and gives the connection back. Before the pool's end. */
  close(): Promise<void>;
}

interface ApiKeysDeps {
  readonly pool: pg.Pool;
  readonly secretKey: string;
  readonly clock: () => number;
  /** For tests that count. */
  readonly compare?: BcryptCompare;
}

interface Remembered {
  readonly proof: Buffer;
  readonly record: KeyRecord;
}

const REMEMBERED_MS = 60_000;
const REMEMBERED_KEYS_MAX = 10_000;
/** On two cores that leaves Node's own thread room to breathe. */
const BCRYPT_AT_ONCE = 2;
/** After a restart every active key waits once. Strangers cannot fill this: their secrets fail before. */
const BCRYPT_WAITERS_MAX = 1_000;

/**
 * bcrypt once per key and minute instead of once per request: 70 ms of a core each would be a ceiling
 * of some thirty requests a second. What is remembered is an HMAC under a key that lives and dies with
 * this process, never the secret.
 */
export function createApiKeys({ pool, secretKey, clock, compare = bcrypt.compare }: ApiKeysDeps): ApiKeys {
  const secrets = createKeySecrets(secretKey);
  const stamps = createUseStamps(pool, clock);
  const memory = createMemory(pool, clock);
  const inLane = createBcryptLane({ atOnce: BCRYPT_AT_ONCE, waitersMax: BCRYPT_WAITERS_MAX });
  const flights = new Map<string, Promise<KeyRecord>>();

  /** The slow way: read the row, compare, and make sure that nothing was revoked meanwhile. */
  async function verify(credentials: Credentials, proof: Buffer): Promise<KeyRecord> {
    const moment = memory.moment();
    const read = await findKeyRecord(pool, credentials.keyId);
    // Only who once held this secret gets here, so this tells nobody anything new.
    if (read?.isActive === false) throw new PayflowError('invalid_api_credentials');
    const secret = { secret: credentials.secret, hash: read?.secretHash ?? null };
    const same = await checkSecret((text, hash) => inLane(() => compare(text, hash)), secret);
    // Waiting for the lane can take seconds: long enough to be revoked.
    const record = memory.isStill(moment) ? read : await findKeyRecord(pool, credentials.keyId);
    if (!same || record?.isActive !== true) throw new PayflowError('invalid_api_credentials');
    memory.keep({ proof, record }, moment);
    return record;
  }

  function verifyOnce(credentials: Credentials, proof: Buffer): Promise<KeyRecord> {
    const name = proof.toString('base64');
    const running = flights.get(name);
    if (running !== undefined) return running;
    const flight = verify(credentials, proof).finally(() => flights.delete(name));
    flights.set(name, flight);
    return flight;
  }

  return {
    async authenticate(credentials) {
      if (!secrets.areOurs(credentials)) throw new PayflowError('invalid_api_credentials');
      const proof = memory.proofOf(credentials);
      const record = memory.find(credentials.keyId, proof) ?? (await verifyOnce(credentials, proof));
      if (record.expiresAt !== null && record.expiresAt <= clock()) {
        throw new PayflowError('invalid_api_credentials');
      }
      if (!record.merchantActive) throw new PayflowError('merchant_inactive');
      stamps.add(record.keyId);
      const { keyId, merchantId, merchantName, scopes } = record;
      return { keyId, merchantId, merchantName, scopes };
    },
    forget: (keyId) => memory.drop({ keyId }),
    ready: memory.ready,
    close: async () => {
      await memory.close();
      await stamps.close();
    },
  };
}

/** What is known to be good, as long as we would hear of the opposite. */
function createMemory(pool: pg.Pool, clock: () => number) {
  const processKey = randomBytes(32);
  const known = new LRUCache<string, Remembered>({
    max: REMEMBERED_KEYS_MAX,
    ttl: REMEMBERED_MS,
    ttlResolution: 0,
    perf: { now: clock },
  });
  let listening = false;
  // Counts everything that may have made an answer of the database outdated while it was on its way.
  let changes = 0;

  function drop(change: KeyChange): void {
    changes += 1;
    if ('keyId' in change) return void known.delete(change.keyId);
    for (const [keyId, { record }] of known.entries()) {
      if (record.merchantId === change.merchantId) known.delete(keyId);
    }
  }

  const listener = listenForKeyChanges(pool, {
    onChange: drop,
    onListening: (now) => {
      listening = now;
      changes += 1;
      known.clear();
    },
  });

  return {
    drop,
    ready: () => listener.ready(),
    close: () => listener.close(),
    moment: () => changes,
    isStill: (moment: number) => listening && changes === moment,
    proofOf: ({ keyId, secret }: Credentials) =>
      createHmac('sha256', processKey).update(`${keyId}:${secret}`).digest(),
    find(keyId: string, proof: Buffer): KeyRecord | null {
      const remembered = known.get(keyId);
      return remembered !== undefined && timingSafeEqual(remembered.proof, proof) ? remembered.record : null;
    },
    keep(remembered: Remembered, moment: number): void {
      if (listening && changes === moment) known.set(remembered.record.keyId, remembered);
    },
  };
}

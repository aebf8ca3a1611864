import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { deriveKey } from '../derive-key.ts';

export interface Credentials {
  readonly keyId: string;
  readonly secret: string;
}

const KEY_ID_BYTES = 8;
const RANDOM_BYTES = 14;
const TAG_HEX = 8;
const KEY_ID = /^pf_key_[0-9a-f]{16}$/;
const SECRET = /^(pf_sec_[0-9a-f]{28})([0-9a-f]{8})$/;

/**
 * The last eight characters of a secret are a tag over the key id and the rest, made with a key that
 * only we have: what somebody made up is refused in microseconds, without bcrypt and without the
 * database. 112 random bits remain. (A new SECRET_KEY makes every API key unusable.)
 */
export function createKeySecrets(secretKey: string) {
  const tagKey = deriveKey(secretKey, 'api-key-tag');
  const tagOf = (keyId: string, start: string) =>
    createHmac('sha256', tagKey).update(`${keyId}:${start}`).digest('hex').slice(0, TAG_HEX);
  return {
    create(): Credentials {
      const keyId = `pf_key_${randomBytes(KEY_ID_BYTES).toString('hex')}`;
      const start = `pf_sec_${randomBytes(RANDOM_BYTES).toString('hex')}`;
      return { keyId, secret: start + tagOf(keyId, start) };
    },
    /** Whether we once made this pair. Says nothing about whether it still may do anything. */
    areOurs({ keyId, secret }: Credentials): boolean {
      const parts = SECRET.exec(secret);
      if (parts === null || !KEY_ID.test(keyId)) return false;
      const [, start = '', tag = ''] = parts;
      return timingSafeEqual(Buffer.from(tag), Buffer.from(tagOf(keyId, start)));
    },
  };
}

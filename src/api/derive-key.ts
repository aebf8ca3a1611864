import { createHmac } from 'node:crypto';

/** One secret in the configuration, a key of its own for every purpose. */
export function deriveKey(
  secretKey: string,
  purpose: 'api-key-tag' | 'request-hash' | 'token-key-id' | 'card-fingerprint',
): Buffer {
  return createHmac('sha256', secretKey).update(`payflow/${purpose}`).digest();
}

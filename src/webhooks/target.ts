import { setTimeout as sleep } from 'node:timers/promises';
import { PayflowError } from '../domain/errors.ts';
import { allowedAddresses, RefusedAddress, resolveByDns, type Resolve } from './address.ts';

export interface TargetRules {
  /** Development only: plain http, and receivers on this machine. */
  readonly allowPrivate: boolean;
  readonly resolve?: Resolve;
}

export const URL_CHARS_MAX = 2_048;
const RESOLVE_MS_MAX = 1_500;

/**
 * Checks a URL that a merchant wants to save. Throws PayflowError('invalid_webhook_url') with the
 * field's name. A name that does not resolve, or not in time, passes: a shop may save its URL before
 * its DNS is there. Each connection checks again, and it alone is the guard.
 */
export async function checkTarget(
  text: string,
  { allowPrivate, resolve = resolveByDns, field = 'url' }: TargetRules & { readonly field?: string },
): Promise<void> {
  const refusal = refusalOf(text, allowPrivate);
  if (refusal !== null) throw new PayflowError('invalid_webhook_url', { text: refusal, field });
  const { hostname } = new URL(text);
  const check = allowedAddresses(hostname, { resolve, allowLoopback: allowPrivate }).catch(
    (error: unknown) => {
      if (error instanceof RefusedAddress) throw new PayflowError('invalid_webhook_url', { field });
    },
  );
  const giveUp = new AbortController();
  const late = sleep(RESOLVE_MS_MAX, undefined, { signal: giveUp.signal }).catch(() => {});
  await Promise.race([check, late]).finally(() => giveUp.abort());
}

/** What is wrong with a URL before anybody looks at its addresses, or null. */
export function refusalOf(text: string, allowHttp: boolean): string | null {
  if (text.length > URL_CHARS_MAX) return `The webhook URL is longer than ${URL_CHARS_MAX} characters`;
  if (!URL.canParse(text)) return 'The webhook URL is not a URL';
  const url = new URL(text);
  if (url.protocol !== 'https:' && !(allowHttp && url.protocol === 'http:')) {
    return 'The webhook URL must be https and lead to a public address';
  }
  if (url.username !== '' || url.password !== '') {
    return 'The webhook URL must not contain credentials';
  }
  return null;
}

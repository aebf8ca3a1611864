export type Json = Record<string, unknown>;

interface Credentials {
  readonly keyId: string;
  readonly secret: string;
}

export interface MerchantAccount {
  readonly key: Credentials;
  readonly webhookSecret: string;
}

interface CallOptions {
  /** A token, or an API key. */
  readonly auth?: string | Credentials;
  readonly body?: object;
  readonly headers?: Record<string, string>;
  /** Ends the waiting for an answer. */
  readonly signal?: AbortSignal;
}

/** One request as a merchant's program makes it. */
export async function call(base: string, method: string, path: string, options: CallOptions = {}) {
  const { auth, body, headers, signal } = options;
  const response = await fetch(base + path, {
    method,
    headers: {
      ...(auth === undefined ? {} : { authorization: authorization(auth) }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal === undefined ? {} : { signal }),
  });
  const retryAfter = response.headers.get('retry-after');
  return { status: response.status, retryAfter, body: (await response.json()) as Json };
}

function authorization(auth: string | Credentials): string {
  if (typeof auth === 'string') return `Bearer ${auth}`;
  return `Basic ${Buffer.from(`${auth.keyId}:${auth.secret}`).toString('base64')}`;
}

/** Steps 1 to 4 of the guide. */
export async function registerMerchant(base: string, webhookUrl: string): Promise<MerchantAccount> {
  const email = `jane-${Date.now()}@mystore.com`;
  await call(base, 'POST', '/auth/register', {
    body: { name: 'Jane Doe', email, password: 'secret', role: 'merchant' },
  });
  const login = await call(base, 'POST', '/auth/login-json', { body: { email, password: 'secret' } });
  const auth = login.body['access_token'] as string;
  const profile = await call(base, 'POST', '/merchants/', {
    auth,
    body: {
      business_name: "Jane's Store",
      business_email: `payments-${email}`,
      website: 'https://mystore.com',
      webhook_url: webhookUrl,
    },
  });
  const key = await call(base, 'POST', '/merchants/me/keys', { auth, body: { label: 'Production Key' } });
  if (key.status !== 201) throw new Error(`no API key: ${JSON.stringify([profile, key])}`);
  return {
    key: { keyId: key.body['key_id'] as string, secret: key.body['key_secret'] as string },
    webhookSecret: profile.body['webhook_secret'] as string,
  };
}

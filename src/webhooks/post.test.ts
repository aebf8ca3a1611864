import { createServer, type AddressInfo, type Socket } from 'node:net';
import {
  answers,
  redirect,
  slow,
  startReceiver,
  status,
  type Behaviour,
  type Receiver,
} from '../testing/receiver.ts';
import { createPoster, type Poster, type PosterOptions } from './post.ts';

const posters: Poster[] = [];
const receivers: Receiver[] = [];

afterEach(async () => {
  await Promise.all(posters.splice(0).map((poster) => poster.close()));
  await Promise.all(receivers.splice(0).map((receiver) => receiver.close()));
});

function poster(options: Partial<PosterOptions> = {}): Poster {
  const created = createPoster({ allowPrivate: true, timeoutMs: 1_000, ...options });
  posters.push(created);
  return created;
}

async function receiver(behaviour: Behaviour, options = {}): Promise<Receiver> {
  const started = await startReceiver(behaviour, options);
  receivers.push(started);
  return started;
}

const REQUEST = { headers: { 'content-type': 'application/json', 'x-test': '1' }, body: '{"a":"₹"}' };

describe('an answer', () => {
  test('2xx → taken, with exactly our bytes and headers', async () => {
    const shop = await receiver(answers.ok);
    const result = await poster().post({ ...REQUEST, url: `${shop.url}?shop=1` });
    expect(result).toMatchObject({ status: 200, body: '{"received":true}', error: null, retryAfterMs: 0 });
    expect(shop.received).toHaveLength(1);
    expect(shop.received[0]).toMatchObject({ path: '/webhook?shop=1', body: REQUEST.body });
    expect(shop.received[0]!.headers).toMatchObject({ 'x-test': '1', 'content-type': 'application/json' });
    expect(shop.received[0]!.headers['user-agent']).toMatch(/^PayFlow/);
  });

  test.each([400, 404, 410, 500, 503])('%i → failed', async (code) => {
    const shop = await receiver(status(code));
    const result = await poster().post({ ...REQUEST, url: shop.url });
    expect(result).toMatchObject({ status: code, body: `answer ${code}`, error: `HTTP ${code}` });
  });

  test('a redirect is a failure and is not followed', async () => {
    const elsewhere = await receiver(answers.ok);
    const shop = await receiver(redirect(elsewhere.url));
    const result = await poster().post({ ...REQUEST, url: shop.url });
    expect(result).toMatchObject({ status: 302, error: 'HTTP 302: redirects are not followed' });
    expect(elsewhere.received).toHaveLength(0);
  });

  test('a body without an end is read up to 1 kB', async () => {
    const shop = await receiver(answers.hugeBody);
    const result = await poster().post({ ...REQUEST, url: shop.url });
    expect(result).toMatchObject({ status: 200, error: null, body: 'x'.repeat(1_024) });
    // Not only cut short by the time-out of a second.
    expect(result.durationMs).toBeLessThan(900);
  });

  test('2xx in time counts, even if the rest of the body never comes', async () => {
    const shop = await receiver(answers.halfBody);
    const result = await poster({ timeoutMs: 300 }).post({ ...REQUEST, url: shop.url });
    expect(result).toMatchObject({ status: 200, error: null, body: 'half' });
  });

  test('NUL and broken UTF-8 become text that Postgres takes', async () => {
    const shop = await receiver((response) => void response.end(Buffer.from([0x61, 0x00, 0xff, 0x62])));
    const result = await poster().post({ ...REQUEST, url: shop.url });
    expect(result.body).toBe('a\u{fffd}\u{fffd}b');
  });

  test('a character that the limit cuts in two is left out', async () => {
    const shop = await receiver((response) => void response.end(`${'x'.repeat(1_023)}₹`));
    const result = await poster().post({ ...REQUEST, url: shop.url });
    expect(result.body).toBe('x'.repeat(1_023));
  });

  test.each([
    ['120', 120_000, 120_000],
    [new Date(Date.now() + 60_000).toUTCString(), 50_000, 60_000],
    ['yesterday', 0, 0],
    ['-5', 0, 0],
    [new Date(0).toUTCString(), 0, 0],
  ])('Retry-After %s → from %i to %i ms', async (header, from, to) => {
    const shop = await receiver(status(503, { 'retry-after': header }));
    const { retryAfterMs } = await poster().post({ ...REQUEST, url: shop.url });
    expect(retryAfterMs).toBeGreaterThanOrEqual(from);
    expect(retryAfterMs).toBeLessThanOrEqual(to);
  });
});

describe('no answer', () => {
  test('too slow → failed after the time-out', async () => {
    const shop = await receiver(slow(5_000));
    const result = await poster({ timeoutMs: 200 }).post({ ...REQUEST, url: shop.url });
    expect(result).toMatchObject({ status: null, body: null, error: 'no answer within 0.2 s' });
    expect(result.durationMs).toBeGreaterThanOrEqual(190);
    expect(result.durationMs).toBeLessThan(1_000);
  });

  test('the time-out covers a name server that does not answer', async () => {
    const result = await poster({ timeoutMs: 200, resolve: () => new Promise(() => {}) }).post({
      ...REQUEST,
      url: 'http://slow.example/',
    });
    expect(result).toMatchObject({ status: null, error: 'no answer within 0.2 s' });
  });

  test('a reset → failed', async () => {
    const shop = await receiver(answers.reset);
    const result = await poster().post({ ...REQUEST, url: shop.url });
    expect(result).toMatchObject({ status: null, error: expect.stringMatching(/reset|closed/) });
  });

  test('nobody listens → failed', async () => {
    const shop = await startReceiver(answers.ok);
    await shop.close();
    const result = await poster().post({ ...REQUEST, url: shop.url });
    expect(result).toMatchObject({ status: null, error: 'connection refused' });
  });

  test('an unknown name → failed', async () => {
    const resolve = async () => {
      throw Object.assign(new Error('queryA ENOTFOUND'), { code: 'ENOTFOUND' });
    };
    const result = await poster({ resolve }).post({ ...REQUEST, url: 'http://nowhere.example/' });
    expect(result.error).toBe('the host name does not resolve');
  });

  test('what is not HTTP → failed', async () => {
    const server = createServer((socket) => socket.end('SSH-2.0-OpenSSH\r\n'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const result = await poster().post({ ...REQUEST, url: `http://127.0.0.1:${port}/` });
    expect(result).toMatchObject({ status: null, error: expect.stringContaining('the connection') });
    server.close();
  });

  test('the signal ends it at once, before and during', async () => {
    const shop = await receiver(answers.silent);
    const stop = new AbortController();
    const running = poster({ timeoutMs: 20_000 }).post({ ...REQUEST, url: shop.url, signal: stop.signal });
    setTimeout(() => stop.abort(), 50);
    await expect(running).resolves.toMatchObject({
      status: null,
      error: expect.stringContaining('stopping'),
    });
    const after = await poster().post({ ...REQUEST, url: shop.url, signal: stop.signal });
    expect(after.error).toContain('stopping');
  });
});

describe('the guard', () => {
  test.each([
    'http://127.0.0.1:PORT/',
    'http://2130706433:PORT/',
    'http://0x7f.1:PORT/',
    'http://127.1:PORT/',
    'http://0177.0.0.1:PORT/',
    'http://0.0.0.0:PORT/',
    'http://①②⑦.⓪.⓪.①:PORT/',
    'http://[::ffff:127.0.0.1]:PORT/',
    'http://localhost:PORT/',
    'https://127.0.0.1:PORT/',
    'https://[::ffff:7f00:1]:PORT/',
    'https://localhost:PORT/',
  ])('%s in production → nothing is connected', async (url) => {
    const shop = await receiver(answers.ok);
    const result = await poster({ allowPrivate: false }).post({
      ...REQUEST,
      url: url.replace('PORT', String(shop.port)),
    });
    expect(result.status).toBeNull();
    expect(result.error).toContain('public address');
    expect(shop.connections()).toBe(0);
  });

  test('credentials in the URL and odd schemes → nothing is connected', async () => {
    const shop = await receiver(answers.ok);
    for (const url of [`http://a:b@127.0.0.1:${shop.port}/`, `ftp://127.0.0.1:${shop.port}/`, 'nonsense']) {
      const result = await poster().post({ ...REQUEST, url });
      expect(result.status).toBeNull();
    }
    expect(shop.connections()).toBe(0);
  });

  test('a private address among public ones → nothing is connected', async () => {
    const shop = await receiver(answers.ok);
    const resolve = async () => ['127.0.0.1', '10.0.0.1'];
    const result = await poster({ resolve }).post({ ...REQUEST, url: `http://mixed.example:${shop.port}/` });
    expect(result.error).toContain('public address');
    expect(shop.connections()).toBe(0);
  });

  test('a name is resolved once for a connection: the address that was checked is the one', async () => {
    const shop = await receiver(answers.ok);
    const given = [['127.0.0.1'], ['10.0.0.1']];
    const resolve = jest.fn(async () => given.shift() ?? []);
    const result = await poster({ resolve }).post({ ...REQUEST, url: `http://rebind.example:${shop.port}/` });
    expect(result.status).toBe(200);
    expect(resolve).toHaveBeenCalledTimes(1);
    expect(shop.received[0]!.headers.host).toBe(`rebind.example:${shop.port}`);
  });

  test('a name that later leads inside is refused at the next connection', async () => {
    const shop = await receiver((response) => void response.writeHead(200, { connection: 'close' }).end());
    const given = [['127.0.0.1'], ['10.0.0.1']];
    const rebinding = poster({ resolve: async () => given.shift() ?? [] });
    const url = `http://rebind.example:${shop.port}/`;
    expect((await rebinding.post({ ...REQUEST, url })).status).toBe(200);
    expect(await rebinding.post({ ...REQUEST, url })).toMatchObject({
      status: null,
      error: 'the host does not lead to a public address',
    });
    expect(shop.received).toHaveLength(1);
  });

  test('the second of two addresses is tried when the first does not answer', async () => {
    const shop = await receiver(answers.ok);
    const resolve = async () => ['::1', '127.0.0.1'];
    const result = await poster({ resolve }).post({ ...REQUEST, url: `http://both.example:${shop.port}/` });
    expect(result.status).toBe(200);
  });
});

describe('connections', () => {
  test('are kept: ten deliveries one after another need no more than two', async () => {
    const shop = await receiver(answers.ok);
    const kept = poster();
    for (let i = 0; i < 10; i++) await kept.post({ ...REQUEST, url: shop.url });
    // The second is opened where the first one's answer is just being finished.
    expect(shop.connections()).toBeLessThanOrEqual(2);
  });

  test('over TLS the name is sent and the certificate must be of that name', async () => {
    const shop = await receiver(answers.ok, { tls: { key: KEY, cert: CERTIFICATE } });
    const options = { ca: CERTIFICATE, resolve: async () => ['127.0.0.1'] };
    const good = await poster(options).post({ ...REQUEST, url: `https://hooks.example.test:${shop.port}/` });
    expect(good).toMatchObject({ status: 200, error: null });
    const other = await poster(options).post({ ...REQUEST, url: `https://other.example.test:${shop.port}/` });
    expect(other).toMatchObject({ status: null, error: expect.stringContaining('ALTNAME') });
    const untrusted = await poster({ resolve: options.resolve }).post({
      ...REQUEST,
      url: `https://hooks.example.test:${shop.port}/`,
    });
    expect(untrusted).toMatchObject({ status: null, error: expect.stringContaining('SELF_SIGNED') });
  });

  test('over TLS the server is told the name (SNI), not the address', async () => {
    const sockets: Socket[] = [];
    const server = createServer((socket) => void sockets.push(socket));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const running = poster({ resolve: async () => ['127.0.0.1'] }).post({
      ...REQUEST,
      url: `https://hooks.example.test:${port}/`,
    });
    await running;
    expect(String(sockets[0]!.read())).toContain('hooks.example.test');
    sockets[0]!.destroy();
    server.close();
  });
});

/** Made for these tests, self-signed, for hooks.example.test; it protects nothing. */
const KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgfszuTg7p2c+HX9F2
7Y5wLRls6mDEkcPGd/W/PaQkCsqhRANCAAQXZUzLUQ9qiRAqFSZrMCAkmCe/DDIx
Hfkzxq0TbSTgKYBrNa4cW9fA4nOcpWNGbSkab0Qv42Ajaruei+m5KMa0
-----END PRIVATE KEY-----`;
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBrzCCAVagAwIBAgIUDGt8ToXeGBvDg4kDLIVZCBDmXgAwCgYIKoZIzj0EAwIw
HTEbMBkGA1UEAwwSaG9va3MuZXhhbXBsZS50ZXN0MCAXDTI2MTEyNDA3MDUzMFoY
DzIxMjYxMDMxMDcwNTMwWjAdMRswGQYDVQQDDBJob29rcy5leGFtcGxlLnRlc3Qw
WTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQXZUzLUQ9qiRAqFSZrMCAkmCe/DDIx
Hfkzxq0TbSTgKYBrNa4cW9fA4nOcpWNGbSkab0Qv42Ajaruei+m5KMa0o3IwcDAd
BgNVHQ4EFgQUWd/m3mcaS8Z7vUo8ZI0iv0zxMrIwHwYDVR0jBBgwFoAUWd/m3mca
S8Z7vUo8ZI0iv0zxMrIwDwYDVR0TAQH/BAUwAwEB/zAdBgNVHREEFjAUghJob29r
cy5leGFtcGxlLnRlc3QwCgYIKoZIzj0EAwIDRwAwRAIgA+N2TV+1IPm0Ue+H64O+
nkAWt7VmgpEhWOo4RKfLugwCICps9vehtRromsdp685hLozcimIWANPhBc890Qf8
G6uD
-----END CERTIFICATE-----`;

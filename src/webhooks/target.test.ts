import { PayflowError } from '../domain/errors.ts';
import { checkTarget } from './target.ts';

const resolve = async (hostname: string) => {
  const addresses: Record<string, string[]> = {
    'mystore.com': ['93.184.216.34'],
    'inside.example': ['10.1.2.3'],
    'mixed.example': ['93.184.216.34', '192.168.0.1'],
    localhost: ['127.0.0.1', '::1'],
  };
  const found = addresses[hostname];
  if (found === undefined) throw Object.assign(new Error('not found'), { code: 'ENOTFOUND' });
  return found;
};

const HOSTILE = [
  'http://mystore.com/webhook',
  'https://127.0.0.1/',
  'https://2130706433/',
  'https://0x7f000001/',
  'https://0x7f.1/',
  'https://0177.0.0.1/',
  'https://017700000001/',
  'https://127.1/',
  'https://0/',
  'https://0.0.0.0/',
  'https://①②⑦.⓪.⓪.①/',
  'https://１２７.0.0.1/',
  'https://127。0。0。1/',
  'https://%31%32%37.0.0.1/',
  'https://[::1]/',
  'https://[::]/',
  'https://[::ffff:127.0.0.1]/',
  'https://[::ffff:7f00:1]/',
  'https://[::127.0.0.1]/',
  'https://[64:ff9b::7f00:1]/',
  'https://[2002:7f00:1::]/',
  'https://[fd00:ec2::254]/latest/meta-data/',
  'https://169.254.169.254/latest/meta-data/',
  'https://10.0.0.1:8443/',
  'https://192.168.0.1/',
  'https://100.64.0.1/',
  'https://localhost/',
  'https://LOCALHOST/',
  'https://inside.example/',
  'https://mixed.example/',
  'https://user@mystore.com/',
  'https://user:password@mystore.com/',
  'https://mystore.com@127.0.0.1/',
  'https://:@127.0.0.1/',
  'ftp://mystore.com/',
  'file:///etc/passwd',
  'gopher://mystore.com/',
  'javascript:alert(1)',
  'data:text/plain,x',
  'unix:/var/run/docker.sock',
  'https:///',
  'https://',
  '//mystore.com/',
  'mystore.com/webhook',
  '',
  'https://mystore.com:99999/',
  `https://mystore.com/${'x'.repeat(2_048)}`,
];

test.each(HOSTILE)('%s → refused', async (url) => {
  const check = checkTarget(url, { allowPrivate: false, resolve, field: 'webhook_url' });
  const error = await check.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(PayflowError);
  expect(error).toMatchObject({ reason: 'invalid_webhook_url', field: 'webhook_url' });
});

test.each([
  'https://mystore.com/webhook/payflow',
  'https://mystore.com:8443/hook?shop=1#part',
  'https://8.8.8.8/',
  'https://[2606:4700:4700::1111]/',
])('%s → accepted', async (url) => {
  await expect(checkTarget(url, { allowPrivate: false, resolve })).resolves.toBeUndefined();
});

test('a name that does not resolve yet → accepted, the connection decides', async () => {
  const url = 'https://not-there-yet.example/';
  await expect(checkTarget(url, { allowPrivate: false, resolve })).resolves.toBeUndefined();
});

test('a name server that does not answer does not hold the merchant up', async () => {
  const started = Date.now();
  await checkTarget('https://slow.example/', { allowPrivate: false, resolve: () => new Promise(() => {}) });
  expect(Date.now() - started).toBeLessThan(3_000);
});

describe('in development', () => {
  test.each(['http://localhost:9000/hook', 'http://127.0.0.1:9000/', 'http://mystore.com/'])(
    '%s → accepted',
    async (url) => {
      await expect(checkTarget(url, { allowPrivate: true, resolve })).resolves.toBeUndefined();
    },
  );

  test.each(['http://169.254.169.254/', 'http://10.0.0.1/', 'http://inside.example/', 'ftp://localhost/'])(
    '%s → refused',
    async (url) => {
      await expect(checkTarget(url, { allowPrivate: true, resolve })).rejects.toThrow(PayflowError);
    },
  );
});

import { allowedAddresses, isAllowedAddress } from './address.ts';

const PUBLIC = [
  '8.8.8.8',
  '1.1.1.1',
  '100.63.255.255',
  '172.15.0.1',
  '172.32.0.1',
  '2606:4700:4700::1111',
  '2a00:1450:4001:80b::200e',
  '::ffff:8.8.8.8',
  '64:ff9b::808:808',
  '2002:808:808::1',
];

const REFUSED = [
  // This machine.
  '127.0.0.1',
  '127.255.255.254',
  '0.0.0.0',
  '0.1.2.3',
  '::1',
  '::',
  // The inside.
  '10.0.0.1',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.1.1',
  '100.64.0.1',
  '100.127.255.255',
  'fc00::1',
  'fd12:3456::1',
  'fec0::1',
  // Metadata services and link-local.
  '169.254.169.254',
  'fe80::1',
  'fe80::1%eth0',
  'fd00:ec2::254',
  // No host.
  '192.0.2.1',
  '198.51.100.1',
  '203.0.113.1',
  '198.18.0.1',
  '192.88.99.1',
  '224.0.0.1',
  '240.0.0.1',
  '255.255.255.255',
  'ff02::1',
  '2001:db8::1',
  '3fff::1',
  '100::1',
  '5f00::1',
  '4000::1',
  // IPv4 inside IPv6.
  '::ffff:127.0.0.1',
  '::ffff:7f00:1',
  '::ffff:10.0.0.1',
  '::ffff:169.254.169.254',
  '::127.0.0.1',
  '::7f00:1',
  '::a00:1',
  '::ffff:0:127.0.0.1',
  '64:ff9b::7f00:1',
  '64:ff9b::a9fe:a9fe',
  '64:ff9b:1::808:808',
  '2002:7f00:1::1',
  '2002:a00:1::',
  '2002:a9fe:a9fe::1',
  '2001::1',
  // No address at all.
  'localhost',
  '',
];

test.each(PUBLIC)('%s → allowed', (address) => {
  expect(isAllowedAddress(address, false)).toBe(true);
});

test.each(REFUSED)('%s → refused', (address) => {
  expect(isAllowedAddress(address, false)).toBe(false);
});

test('in development loopback is allowed in every spelling, and nothing else of the inside', () => {
  const allowed = [...PUBLIC, ...REFUSED].filter((address) => isAllowedAddress(address, true));
  expect(allowed.filter((address) => !PUBLIC.includes(address))).toEqual([
    '127.0.0.1',
    '127.255.255.254',
    '::1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '::127.0.0.1',
    '64:ff9b::7f00:1',
    '2002:7f00:1::1',
  ]);
});

describe('a name', () => {
  const rules = (addresses: string[]) => ({ resolve: async () => addresses, allowLoopback: false });

  test('with public addresses only → all of them', async () => {
    const addresses = ['8.8.8.8', '2606:4700:4700::1111'];
    await expect(allowedAddresses('shop.example', rules(addresses))).resolves.toEqual(addresses);
  });

  test('with one private address among public ones → refused', async () => {
    for (const bad of ['10.0.0.1', '::ffff:10.0.0.1', '127.0.0.1', '64:ff9b::a9fe:a9fe']) {
      const mixed = ['8.8.8.8', bad, '1.1.1.1'];
      await expect(allowedAddresses('shop.example', rules(mixed))).rejects.toThrow('public address');
    }
  });

  test('with no address → refused', async () => {
    await expect(allowedAddresses('shop.example', rules([]))).rejects.toThrow('no address');
  });

  test('that is an address is never resolved', async () => {
    const resolve = jest.fn();
    const check = allowedAddresses('[::1]', { resolve, allowLoopback: false });
    await expect(check).rejects.toThrow('public address');
    expect(resolve).not.toHaveBeenCalled();
  });
});

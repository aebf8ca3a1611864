import { Resolver } from 'node:dns/promises';
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/** Names to addresses; rejects when there are none. */
export type Resolve = (hostname: string) => Promise<readonly string[]>;

export class RefusedAddress extends Error {
  override readonly name = 'RefusedAddress';
}

const DNS_TRY_MS = 2_000;
const DNS_TRIES_MAX = 2;

/**
 * Asks DNS itself and not `getaddrinfo`: that one holds a thread of libuv's small pool until a dead
 * name server gives up, and bcrypt needs those threads. So /etc/hosts does not count here.
 */
export const resolveByDns: Resolve = async (hostname) => {
  if (hostname === 'localhost' || hostname.endsWith('.localhost')) return ['127.0.0.1', '::1'];
  const resolver = new Resolver({ timeout: DNS_TRY_MS, tries: DNS_TRIES_MAX });
  const [v4, v6] = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
  const addresses = [v4, v6].flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
  if (addresses.length === 0 && v4.status === 'rejected') throw v4.reason;
  return addresses;
};

/**
 * All addresses of a host, every one of them checked: a single refused one refuses the host, since
 * which of them a connection would take is chance. A host that is written as an address is checked
 * the same way; it would pass by a hook that only sees look-ups.
 */
export async function allowedAddresses(
  hostname: string,
  { resolve, allowLoopback }: { resolve: Resolve; allowLoopback: boolean },
): Promise<readonly string[]> {
  const bare = hostname.replace(/^\[|\]$/g, '');
  const addresses = isIP(bare) === 0 ? await resolve(bare) : [bare];
  if (addresses.length === 0) throw new RefusedAddress('the host has no address');
  for (const address of addresses) {
    // The text does not name the address: merchants see it, and it may be of the inside.
    if (!isAllowedAddress(address, allowLoopback)) {
      throw new RefusedAddress('the host does not lead to a public address');
    }
  }
  return addresses;
}

export function isAllowedAddress(address: string, allowLoopback: boolean): boolean {
  if (isIP(address) === 0) return false;
  const inner = unwrapped(ipaddr.parse(address));
  if (allowLoopback && inner.range() === 'loopback') return true;
  if (inner.range() !== 'unicast') return false;
  // ipaddr.js calls everything unicast that has no other name, such as the old form ::127.0.0.1.
  return inner.kind() === 'ipv4' || inner.match(GLOBAL_UNICAST);
}

const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3');
const NAT64 = ipaddr.IPv6.parseCIDR('64:ff9b::/96');
const SIX_TO_FOUR = ipaddr.IPv6.parseCIDR('2002::/16');

type Address = ReturnType<typeof ipaddr.parse>;

/** The IPv4 address that packets to an IPv6 one really go to, where it carries one. */
function unwrapped(address: Address): Address {
  if (!(address instanceof ipaddr.IPv6)) return address;
  if (address.isIPv4MappedAddress()) return address.toIPv4Address();
  const bytes = address.toByteArray();
  if (address.match(NAT64)) return new ipaddr.IPv4(bytes.slice(12));
  if (address.match(SIX_TO_FOUR)) return new ipaddr.IPv4(bytes.slice(2, 6));
  return address;
}

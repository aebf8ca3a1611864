import type { TcpSocketConnectOpts } from 'node:net';
import { buildConnector } from 'undici';
import { allowedAddresses, type Resolve } from './address.ts';

export interface Guard {
  readonly resolve: Resolve;
  readonly allowLoopback: boolean;
  readonly timeoutMs: number;
  readonly ca: string | undefined;
}

/**
 * Resolves and checks first, then hands the checked addresses to the connection as the only answer
 * its own look-up can get: no second resolution that could say something else. TLS keeps the name
 * for SNI and for the certificate.
 */
export function guardedConnector({ timeoutMs, ca, ...rules }: Guard): buildConnector.connector {
  return (target, callback) => {
    allowedAddresses(target.hostname, rules)
      .then((addresses) => {
        const connect = buildConnector({
          timeout: timeoutMs,
          autoSelectFamily: true,
          lookup: pinnedLookup(addresses),
          ...(ca === undefined ? {} : { ca }),
        });
        connect(target, callback);
      })
      // Also what net or tls throw at once: nothing may escape from here, nobody would catch it.
      .catch((error: Error) => callback(error, null));
  };
}

type Lookup = NonNullable<TcpSocketConnectOpts['lookup']>;

function pinnedLookup(addresses: readonly string[]): Lookup {
  const answers = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  return (_hostname, { all }, callback) => {
    if (all) callback(null, answers);
    else callback(null, answers[0]!.address, answers[0]!.family);
  };
}

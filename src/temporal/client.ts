import { Client, Connection } from '@temporalio/client';
import type { Config } from '../config.ts';

/** A client that connects with its first call: the API answers reads while the engine is away. */
export function createTemporalClient({ temporal }: Pick<Config, 'temporal'>): Client {
  const connection = Connection.lazy({
    address: temporal.address,
    tls: temporal.tls,
    ...(temporal.apiKey === undefined ? {} : { apiKey: temporal.apiKey }),
  });
  return new Client({ connection, namespace: temporal.namespace });
}

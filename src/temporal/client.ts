import { Client, Connection } from '@temporalio/client';

export interface TemporalSettings {
  readonly address: string;
  readonly namespace: string;
  readonly apiKey: string | undefined;
  readonly tls: boolean;
}

/** A client that connects with its first call: the API answers reads while the engine is away. */
export function createTemporalClient(temporal: TemporalSettings): Client {
  const connection = Connection.lazy({
    address: temporal.address,
    tls: temporal.tls,
    ...(temporal.apiKey === undefined ? {} : { apiKey: temporal.apiKey }),
  });
  return new Client({ connection, namespace: temporal.namespace });
}

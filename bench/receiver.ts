import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The one endpoint of the merchant that is measured. Takes everything at once, and counts. */
export interface Receiver {
  readonly url: string;
  /** Different events; one that comes twice counts once. */
  arrived(): number;
  close(): Promise<void>;
}

export async function startReceiver(): Promise<Receiver> {
  const events = new Set<unknown>();
  const server = createServer((request, response) => {
    events.add(request.headers['webhook-id']);
    request.resume();
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    arrived: () => events.size,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Listening {
  readonly url: string;
  close(): Promise<void>;
}

/** Serves an app's `callback()` on a port of this machine, any free one unless it is named. */
export async function listen(
  callback: (...args: Parameters<RequestListener>) => unknown,
  port = 0,
): Promise<Listening> {
  const server = createServer((request, response) => void callback(request, response));
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { RunFile } from '../src/local/run-file.ts';

/** The one endpoint of the demo merchant. Takes everything at once, and counts. */
export interface Receiver {
  /** Different events; one that comes twice counts once. */
  arrived(): number;
  close(): Promise<void>;
}

export async function startReceiver({ urls, demo }: RunFile): Promise<Receiver> {
  if (demo === null) throw new Error('PayFlow runs without its demo merchant');
  const events = new Set<unknown>();
  const server = createServer((request, response) => {
    events.add(request.headers['webhook-id']);
    request.resume();
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await subscribe(urls.api, demo.merchant, `http://127.0.0.1:${port}/`);
  return {
    arrived: () => events.size,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function subscribe(api: string, login: { email: string; password: string }, url: string) {
  const call = async (method: string, path: string, body: object, headers: Record<string, string> = {}) => {
    const response = await fetch(api + path, {
      method,
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as Record<string, unknown>;
  };
  const { access_token: token } = await call('POST', '/auth/login-json', login);
  await call('PATCH', '/merchants/me', { webhook_url: url }, { authorization: `Bearer ${String(token)}` });
}

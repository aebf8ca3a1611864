import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';

/** What a receiver saw of one POST. */
export interface Received {
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  readonly at: number;
}

export interface Receiver {
  readonly url: string;
  readonly port: number;
  /** In the order in which they were complete. */
  readonly received: readonly Received[];
  /** How many connections were opened to it. */
  connections(): number;
  close(): Promise<void>;
}

/** Answers one POST; `count` is 1 for the first. */
export type Behaviour = (response: ServerResponse, count: number) => void;

export interface ReceiverOptions {
  /** With these it speaks TLS. */
  readonly tls?: ServerOptions;
}

/** A merchant's endpoint on this machine's loopback address. */
export async function startReceiver(behaviour: Behaviour, options: ReceiverOptions = {}): Promise<Receiver> {
  const received: Received[] = [];
  let connections = 0;
  const listener: RequestListener = (request, response) => {
    read(request).then(
      (body) => {
        const { url: path = '', headers } = request;
        received.push({ path, headers, body, at: Date.now() });
        behaviour(response, received.length);
      },
      // The sender went away in the middle.
      () => response.destroy(),
    );
  };
  const { tls } = options;
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  server.on('connection', () => connections++);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}/webhook`,
    port,
    received,
    connections: () => connections,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const HUGE_CHUNK = Buffer.alloc(65_536, 'x');

export const answers = {
  ok: (response) => void response.end('{"received":true}'),
  gone: (response) => void response.writeHead(410).end('gone'),
  /** Never answers. */
  silent: () => {},
  /** Closes the connection instead of answering. */
  reset: (response) => void response.socket?.resetAndDestroy(),
  /** 200 and a body without an end. */
  hugeBody: (response) => {
    response.writeHead(200);
    const more = () => {
      while (!response.destroyed && response.write(HUGE_CHUNK));
    };
    response.on('drain', more);
    more();
  },
  /** 200, then a body of which the second half never comes. */
  halfBody: (response) => void response.writeHead(200, { 'content-length': '10' }).write('half'),
} satisfies Record<string, Behaviour>;

export function slow(ms: number): Behaviour {
  return (response) => void setTimeout(() => response.end('late'), ms).unref();
}

export function redirect(location: string): Behaviour {
  return (response) => void response.writeHead(302, { location }).end();
}

export function status(code: number, headers: Record<string, string> = {}): Behaviour {
  return (response) => void response.writeHead(code, headers).end(`answer ${code}`);
}

/** Fails the first `failures` times, then takes everything. */
export function flapping(failures: number): Behaviour {
  return (response, count) => (count <= failures ? status(503) : answers.ok)(response, count);
}

async function read(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

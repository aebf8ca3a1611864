import { createServer, connect } from 'node:net';

// Below the range from which systems take the local end of outgoing connections: a port that is
// free now is then not lost to one of them before its server starts.
const FREE_PORT_FIRST = 20_000;
const FREE_PORT_LAST = 31_999;
const FREE_PORT_TRIES_MAX = 200;

/** A port on which nothing listens at this moment, and that is not in `taken`. */
export async function freePort(taken: ReadonlySet<number> = new Set()): Promise<number> {
  for (let attempt = 0; attempt < FREE_PORT_TRIES_MAX; attempt++) {
    const span = FREE_PORT_LAST - FREE_PORT_FIRST + 1;
    const port = FREE_PORT_FIRST + Math.floor(Math.random() * span);
    if (!taken.has(port) && (await isPortFree(port))) return port;
  }
  throw new Error(`found no free port from ${FREE_PORT_FIRST} to ${FREE_PORT_LAST}`);
}

/** Whether a server could listen on this port, on the loopback address and on all of them. */
export async function isPortFree(port: number): Promise<boolean> {
  // Both: macOS lets a second server have all addresses while another holds the loopback one.
  return (await canListen(port, '127.0.0.1')) && (await canListen(port, undefined));
}

/** Whether somebody accepts connections on 127.0.0.1:port. */
export function answersOn(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

function canListen(port: number, host: string | undefined): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

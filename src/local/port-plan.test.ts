import { createServer, type Server } from 'node:net';
import { choosePorts } from './port-plan.ts';
import { freePort, isPortFree } from './ports.ts';

const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

test.each(['127.0.0.1', undefined])('a port is taken when a server listens on it at %s', async (host) => {
  const port = await listening(host);
  expect(await isPortFree(port)).toBe(false);
});

test('zero is any free port, never one that is asked for by number or given twice', async () => {
  const asked = await freePort();
  const ports = await choosePorts({ a: wish('A', asked), b: wish('B', 0), c: wish('C', 0) });
  expect(ports.a).toBe(asked);
  expect(new Set(Object.values(ports)).size).toBe(3);
});

test('all that is in the way is said at once: who has the port, and what to set', async () => {
  const [taken, twice] = [await listening('127.0.0.1'), await freePort()];
  const plan = choosePorts({ a: wish('A', taken), b: wish('B', twice), c: wish('C', twice) });
  await expect(plan).rejects.toMatchObject({
    name: 'Refusal',
    message: [
      `Port ${taken} is taken by pid ${process.pid} (node). ` +
        'Stop that program, or choose another port with A=… or --a … (0 = any free one).',
      `C: port ${twice} is asked for twice.`,
    ].join('\n'),
  });
});

function wish(variable: string, port: number) {
  return { variable, option: `--${variable.toLowerCase()}`, port };
}

function listening(host: string | undefined): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    servers.push(server);
    server.listen({ host, port: 0 }, () => resolve((server.address() as { port: number }).port));
  });
}

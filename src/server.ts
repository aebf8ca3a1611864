import { createServer } from 'node:http';
import { composeApi, createLogger } from './composition.ts';
import { configOfThisProcess } from './config.ts';

/** The API: `node dist/src/server.js`. SIGTERM lets the requests in hand end first. */

const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;
const DRAIN_MS = 6_000;

const config = configOfThisProcess();
const log = createLogger(config, 'api');

try {
  const { app, close } = await composeApi(config, log);
  const answer = app.callback();
  const server = createServer(
    { headersTimeout: HEADERS_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS },
    (request, response) => void answer(request, response),
  );
  server.on('error', fail);
  server.listen(config.port, () => log.info({ port: config.port }, 'api listening'));
  let stopping = false;
  const stop = () => {
    if (stopping) return;
    stopping = true;
    const impatience = setTimeout(() => server.closeAllConnections(), DRAIN_MS);
    server.close(() => {
      clearTimeout(impatience);
      close().then(() => process.exit(0), fail);
    });
    server.closeIdleConnections();
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
} catch (error) {
  fail(error);
}

function fail(error: unknown): void {
  process.stderr.write(`the API cannot run: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}

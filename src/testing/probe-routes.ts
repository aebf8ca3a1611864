import pino from 'pino';
import { request } from 'undici';
import { assemble, routerOf } from '../api/app.ts';
import type { Gate, Route } from '../api/middleware/guard.ts';
import { createRequestHash } from '../api/middleware/idempotency.ts';
import { createRateLimits, LIMITS } from '../api/middleware/rate-limit.ts';
import { PayflowError } from '../domain/errors.ts';
import { listen } from './listen.ts';

interface ErrorAnswer {
  detail: string | { loc: (string | number)[]; msg: string; type: string }[];
  error: { reason: string; field: string | null; request_id: string; doc_url: string };
}

interface SendOptions {
  readonly body?: string | Buffer;
  readonly headers?: Record<string, string>;
}

// For routes that are open to everybody.
const nobody = () => Promise.reject(new PayflowError('not_authenticated'));
const OPEN_GATE: Gate = {
  authenticate: {
    none: () => Promise.resolve(null),
    user: nobody,
    business: nobody,
    admin: nobody,
    merchant: nobody,
    key: nobody,
  },
  requestHash: createRequestHash('secret'),
  storedReplies: { find: () => Promise.resolve(null), once: nobody },
  limits: createRateLimits(LIMITS, { development: true }),
};

/** All of the API's middleware around routes of a test, without a database. */
export async function serveProbeRoutes(routes: readonly Route[]) {
  const logLines: string[] = [];
  const log = pino({ level: 'info' }, { write: (line: string) => void logLines.push(line) });
  const config = { apiUrl: 'http://api.test', development: false, proxyHops: 0 };
  const { url, close } = await listen(assemble([routerOf(routes, OPEN_GATE)], { log, config }).callback());
  return {
    url,
    close,
    logLines,
    async send(method: string, path: string, { body, headers }: SendOptions = {}) {
      const response = await request(`${url}${path}`, {
        method: method as 'GET',
        headers: { 'content-type': 'application/json', ...headers },
        body: body ?? null,
      });
      const text = await response.body.text();
      const answer = (text.startsWith('{') ? JSON.parse(text) : text) as ErrorAnswer;
      const { statusCode: status } = response;
      return { status, headers: response.headers, body: answer, reason: answer.error?.reason, text };
    },
  };
}

export type ProbeServer = Awaited<ReturnType<typeof serveProbeRoutes>>;

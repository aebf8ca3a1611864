import { Agent } from 'undici';
import { RefusedAddress, resolveByDns } from './address.ts';
import { readHead } from './body.ts';
import { guardedConnector } from './connector.ts';
import { refusalOf, type TargetRules } from './target.ts';

export interface Post {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Ends the POST before its time. */
  readonly signal?: AbortSignal;
}

export interface PostResult {
  /** Null when no answer came. */
  readonly status: number | null;
  /** The first kilobyte of the answer, for the log; null when no answer came. */
  readonly body: string | null;
  /** Null exactly when the receiver took the delivery: a 2xx in time. */
  readonly error: string | null;
  readonly durationMs: number;
  /** How long the receiver asked us to wait; 0 when it did not. */
  readonly retryAfterMs: number;
}

export interface Poster {
  /** Never rejects: whatever the network does is a result. */
  post(request: Post): Promise<PostResult>;
  close(): Promise<void>;
}

export interface PosterOptions extends TargetRules {
  /** All of it: name, connection, TLS, headers, body. */
  readonly timeoutMs?: number;
  /** Certificates that are trusted beside the system's, PEM. */
  readonly ca?: string;
}

export const POST_MS_MAX = 10_000;
const RESPONSE_HEADER_BYTES_MAX = 16_384;
const USER_AGENT = 'PayFlow-Webhooks/3';

/**
 * POSTs to merchants. One agent for all: it keeps connections per origin, and the connector runs for
 * each new one, so a kept connection leads to an address that was checked. Callers bound how many
 * run at once.
 */
export function createPoster(options: PosterOptions): Poster {
  const { allowPrivate, resolve = resolveByDns, timeoutMs = POST_MS_MAX, ca } = options;
  const agent = new Agent({
    connect: guardedConnector({ resolve, allowLoopback: allowPrivate, timeoutMs, ca }),
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    maxHeaderSize: RESPONSE_HEADER_BYTES_MAX,
  });
  return {
    async post(request) {
      const startedAt = performance.now();
      const deadline = deadlineOf(timeoutMs, request.signal);
      try {
        const refusal = refusalOf(request.url, allowPrivate);
        const answer = refusal === null ? await exchange(agent, request, deadline) : noAnswer(refusal);
        return { ...answer, durationMs: Math.round(performance.now() - startedAt) };
      } catch (error) {
        const answer = noAnswer(errorText(error, deadline.signal));
        return { ...answer, durationMs: Math.round(performance.now() - startedAt) };
      } finally {
        deadline.clear();
      }
    },
    close: () => agent.destroy(),
  };
}

type Answer = Omit<PostResult, 'durationMs'>;

async function exchange(
  agent: Agent,
  { url, headers, body }: Post,
  { signal, passed }: Deadline,
): Promise<Answer> {
  const { origin, pathname, search } = new URL(url);
  const request = agent.request({
    origin,
    path: pathname + search,
    method: 'POST',
    headers: { 'user-agent': USER_AGENT, ...headers },
    body,
    signal,
  });
  const response = await Promise.race([request, passed]);
  const { statusCode: status } = response;
  return {
    status,
    body: await readHead(response.body),
    error: statusError(status),
    retryAfterMs: retryAfterMs(response.headers['retry-after']),
  };
}

function noAnswer(error: string): Answer {
  return { status: null, body: null, error, retryAfterMs: 0 };
}

function statusError(status: number): string | null {
  if (status >= 200 && status < 300) return null;
  // undici's agent does not follow them; a redirect could lead anywhere, with our signature on it.
  return status >= 300 && status < 400 ? `HTTP ${status}: redirects are not followed` : `HTTP ${status}`;
}

/** Seconds or a date, RFC 9110. */
function retryAfterMs(header: string | string[] | undefined): number {
  const text = Array.isArray(header) ? header[0] : header;
  if (text === undefined) return 0;
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : 0;
}

interface Deadline {
  readonly signal: AbortSignal;
  /** Rejects when the signal fires. */
  readonly passed: Promise<never>;
  clear(): void;
}

/**
 * A timer of our own: AbortSignal.any would keep a listener on the process's stop signal for ever.
 * `passed` is for the time before there is a connection: undici looks at the signal only after.
 */
function deadlineOf(timeoutMs: number, outer: AbortSignal | undefined): Deadline {
  const controller = new AbortController();
  const passed = new Promise<never>((_resolve, reject) => {
    controller.signal.addEventListener('abort', () => reject(controller.signal.reason as Error));
  });
  // Nobody may be listening when it comes.
  passed.catch(() => {});
  const timer = setTimeout(() => controller.abort(new Timeout(timeoutMs)), timeoutMs);
  const onAbort = () => controller.abort(outer?.reason);
  if (outer?.aborted) onAbort();
  outer?.addEventListener('abort', onAbort, { once: true });
  const clear = () => {
    clearTimeout(timer);
    outer?.removeEventListener('abort', onAbort);
  };
  return { signal: controller.signal, passed, clear };
}

class Timeout extends Error {
  constructor(ms: number) {
    super(`no answer within ${ms / 1_000} s`);
  }
}

const TEXTS: Readonly<Record<string, string>> = {
  ENOTFOUND: 'the host name does not resolve',
  ENODATA: 'the host name does not resolve',
  ETIMEOUT: 'the host name does not resolve: the name server does not answer',
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the host cannot be reached',
  ETIMEDOUT: 'the connection timed out',
  UND_ERR_CONNECT_TIMEOUT: 'the connection timed out',
  UND_ERR_SOCKET: 'the connection was closed without an answer',
  UND_ERR_HEADERS_OVERFLOW: 'the headers of the answer are too large',
};

/** For the merchant's log: no address, nothing of our machine. */
function errorText(error: unknown, signal: AbortSignal): string {
  if (signal.reason instanceof Timeout) return signal.reason.message;
  if (signal.aborted) return 'cut off: this process is stopping';
  if (error instanceof RefusedAddress) return error.message;
  const code = codeOf(error);
  return TEXTS[code] ?? `the connection failed: ${code}`;
}

/** Where several addresses were tried, the error holds one for each. */
function codeOf(error: unknown): string {
  const { code, errors } = error as { code?: unknown; errors?: unknown[] };
  if (typeof code === 'string' && code !== '') return code;
  return errors !== undefined && errors.length > 0 ? codeOf(errors[0]) : 'unknown error';
}

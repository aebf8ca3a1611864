import { Pool } from 'undici';
import type { z } from 'zod';
import type { CallOptions } from '../connector.ts';

export interface ExchangeOptions {
  readonly url: string;
  readonly apiKey: string;
}

/** Why there is no usable answer. `status` is null where the line broke or stayed silent. */
export class NoAnswer extends Error {
  readonly status: number | null;

  constructor(cause: string, status: number | null = null) {
    super(cause);
    this.name = 'NoAnswer';
    this.status = status;
  }
}

export interface Call<T> {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: unknown;
  readonly answer: z.ZodType<T>;
}

export interface Exchange {
  /** One request, one answer, no retry. Throws NoAnswer, and nothing that quotes the request. */
  send<T>(call: Call<T>, options: CallOptions): Promise<T>;
  close(): Promise<void>;
}

const CONNECTIONS_MAX = 256;
const RESPONSE_BYTES_MAX = 65_536;

export function createExchange({ url, apiKey }: ExchangeOptions): Exchange {
  const { origin, pathname } = new URL(url);
  const pool = new Pool(origin, { connections: CONNECTIONS_MAX, maxResponseSize: RESPONSE_BYTES_MAX });
  const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' };
  const prefix = pathname.replace(/\/+$/, '');
  const send = async <T>({ method, path, body, answer }: Call<T>, options: CallOptions) => {
    const deadline = startDeadline(options);
    try {
      const response = await pool.request({
        method,
        path: prefix + path,
        headers,
        body: body === undefined ? null : JSON.stringify(body),
        signal: deadline.signal,
      });
      const text = await response.body.text();
      return readAnswer(response.statusCode, text, answer);
    } catch (error) {
      if (error instanceof NoAnswer) throw error;
      throw new NoAnswer(deadline.reason() ?? `line broke: ${codeOf(error)}`);
    } finally {
      deadline.clear();
    }
  };
  return { send, close: () => pool.destroy() };
}

function readAnswer<T>(status: number, text: string, answer: z.ZodType<T>): T {
  if (status < 200 || status > 299) throw new NoAnswer(`bank answered ${status}`, status);
  const parsed = answer.safeParse(parseJson(text));
  if (!parsed.success) throw new NoAnswer('bank answered something else', status);
  return parsed.data;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** One signal for the time-out and the caller's own; neither timer nor listener outlives the exchange. */
function startDeadline({ timeoutMs, signal }: CallOptions) {
  const controller = new AbortController();
  let reason: string | null = null;
  const end = (why: string) => {
    reason ??= why;
    controller.abort();
  };
  const timer = setTimeout(() => end('timed out'), timeoutMs);
  const onAbort = () => end('cancelled');
  signal?.addEventListener('abort', onAbort);
  if (signal?.aborted === true) onAbort();
  return {
    signal: controller.signal,
    reason: () => reason,
    clear: () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    },
  };
}

function codeOf(error: unknown): string {
  if (error instanceof Error && 'code' in error) return String(error.code);
  return error instanceof Error ? error.name : 'unknown';
}

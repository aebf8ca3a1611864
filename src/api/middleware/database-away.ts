import { isNativeError } from 'node:util/types';

/** Errors of the system and of Postgres after which the same request may well succeed a moment later. */
const CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'ENETUNREACH',
  'EHOSTUNREACH',
  '57P01', // the server shuts down
  '57P02',
  '57P03', // the server starts up
  '57014', // longer than statement_timeout
  '53300', // too many connections
  '55P03', // a lock was not to be had in time
  '40001',
  '40P01', // deadlock
  '25006', // read-only: a standby, just after a fail-over
]);
const CONNECTION_CLASS = /^08/;

// pg gives these no code. The words are those of pg 8.23 and pg-pool 3; a test breaks when they change.
const MESSAGES = [
  'timeout exceeded when trying to connect',
  'Connection terminated',
  'Client has encountered a connection error',
  'Cannot use a pool after calling end on the pool',
];

/** Whether a failure means that Postgres cannot be reached or is too busy, and not that we are wrong. */
export function isDatabaseAway(error: unknown): boolean {
  if (!isNativeError(error)) return false;
  const { code, nativeError } = error as Error & { code?: unknown; nativeError?: unknown };
  if (typeof code === 'string' && (CODES.has(code) || CONNECTION_CLASS.test(code))) return true;
  if (error.name === 'KnexTimeoutError') return true;
  if (MESSAGES.some((text) => error.message.startsWith(text))) return true;
  // Several addresses were tried ("localhost" as IPv6 and IPv4): all must agree.
  const { errors } = error as { errors?: unknown };
  if (Array.isArray(errors)) return errors.length > 0 && errors.every(isDatabaseAway);
  // Objection wraps what pg said.
  return nativeError !== undefined && nativeError !== error && isDatabaseAway(nativeError);
}

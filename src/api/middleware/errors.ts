import type { Logger } from 'pino';
import { ERRORS, PayflowError, type Reason } from '../../domain/errors.ts';
import type { ApiContext, ApiMiddleware } from '../context.ts';
import { isDatabaseAway } from './database-away.ts';
import { InvalidRequest, type Detail } from './invalid-request.ts';

const RETRY_AFTER_SECONDS = 2;

export interface ErrorBody {
  detail: string | readonly Detail[];
  error: {
    code: string;
    description: string;
    field: string | null;
    source: string;
    step: string;
    reason: Reason;
    doc_url: string;
    request_id: string;
  };
}

/**
 * Turns whatever is thrown into the answer. It must be outside of everything that sets headers:
 * Koa's own handler deletes them all, and with them the request id and the security headers.
 */
export function errors({ log, apiUrl }: { log: Logger; apiUrl: string }): ApiMiddleware {
  return async (ctx, next) => {
    try {
      await next();
    } catch (error) {
      const refusal = refusalOf(error);
      if (ERRORS[refusal.reason].status >= 500) logFailure(log, ctx, error);
      answer(ctx, { refusal, apiUrl });
    }
  };
}

function refusalOf(error: unknown): PayflowError {
  if (error instanceof PayflowError) return error;
  return new PayflowError(isDatabaseAway(error) ? 'unavailable' : 'internal_error', { cause: error });
}

function answer(ctx: ApiContext, { refusal, apiUrl }: { refusal: PayflowError; apiUrl: string }): void {
  const { status } = ERRORS[refusal.reason];
  const retryAfter =
    refusal.retryAfterSeconds ?? (status === 429 || status === 503 ? RETRY_AFTER_SECONDS : null);
  if (retryAfter !== null) ctx.set('Retry-After', String(Math.ceil(retryAfter)));
  ctx.set('Cache-Control', 'no-store');
  ctx.status = status;
  const page = ctx.state.errorPage?.(refusal);
  ctx.type = page === undefined ? 'json' : 'html';
  ctx.body = page ?? errorBody(refusal, { apiUrl, requestId: ctx.state.requestId });
}

export function errorBody(
  refusal: PayflowError,
  { apiUrl, requestId }: { apiUrl: string; requestId: string },
): ErrorBody {
  const { code, source, step } = ERRORS[refusal.reason];
  return {
    detail: refusal instanceof InvalidRequest ? refusal.details : refusal.message,
    error: {
      code,
      description: refusal.message,
      field: refusal.field,
      source,
      step,
      reason: refusal.reason,
      doc_url: `${apiUrl}/docs/errors#${refusal.reason}`,
      request_id: requestId,
    },
  };
}

/**
 * Only what says where it broke. The rest of a database error quotes rows ("Key (email)=(…) already
 * exists"), which have no place in a log.
 */
function logFailure(log: Logger, ctx: ApiContext, thrown: unknown): void {
  const error = thrown instanceof PayflowError && thrown.cause !== undefined ? thrown.cause : thrown;
  const { code, constraint, table } = (error ?? {}) as {
    code?: unknown;
    constraint?: unknown;
    table?: unknown;
  };
  log.error(
    {
      request_id: ctx.state.requestId,
      method: ctx.method,
      path: ctx.path,
      error:
        error instanceof Error
          ? { name: error.name, message: error.message, stack: error.stack }
          : String(error),
      code,
      constraint,
      table,
    },
    'a request failed',
  );
}

import type { Logger } from 'pino';
import type { ApiMiddleware } from '../context.ts';

/**
 * One line per request. It is made of what is named here: no headers, no query, no body, so there is
 * nothing to redact and nothing to forget to redact.
 */
export function requestLog(log: Logger): ApiMiddleware {
  return async (ctx, next) => {
    const startedAt = performance.now();
    await next();
    const { requestId, route, merchantId, keyId } = ctx.state;
    log[ctx.status >= 500 ? 'error' : 'info'](
      {
        request_id: requestId,
        method: ctx.method,
        path: ctx.path,
        route,
        status: ctx.status,
        duration_ms: Math.round((performance.now() - startedAt) * 10) / 10,
        merchant_id: merchantId,
        key_id: keyId,
      },
      'request',
    );
  };
}

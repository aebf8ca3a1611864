import { randomBytes } from 'node:crypto';
import type { ApiMiddleware } from '../context.ts';

// Nothing that could break a log line, a header or a page.
const SAFE = /^[A-Za-z0-9._:-]{1,64}$/;
const RANDOM_BYTES = 10;

/** A caller's own id is kept if it is harmless, so that both sides' logs can be laid side by side. */
export function requestId(): ApiMiddleware {
  return async (ctx, next) => {
    const asked = ctx.get('X-Request-Id');
    ctx.state.requestId = SAFE.test(asked) ? asked : `req_${randomBytes(RANDOM_BYTES).toString('hex')}`;
    ctx.set('X-Request-Id', ctx.state.requestId);
    await next();
  };
}

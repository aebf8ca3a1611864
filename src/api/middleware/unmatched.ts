import { PayflowError } from '../../domain/errors.ts';
import type { ApiMiddleware } from '../context.ts';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

/** What no route took: 405 where the path exists with another method, 404 otherwise. */
export function unmatched(allows: (method: string, path: string) => boolean): ApiMiddleware {
  return (ctx) => {
    const allowed = METHODS.filter((method) => allows(method, ctx.path));
    if (allowed.length === 0) throw new PayflowError('not_found');
    ctx.set('Allow', allowed.join(', '));
    if (ctx.method !== 'OPTIONS') throw new PayflowError('method_not_allowed');
    ctx.status = 204;
    return Promise.resolve();
  };
}

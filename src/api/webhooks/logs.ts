import { listAttempts } from '../../db/delivery-attempts.ts';
import type { ApiDeps } from '../deps.ts';
import { route, type Route } from '../middleware/guard.ts';
import { json } from '../middleware/responses.ts';
import { pageHeaders } from '../next-page.ts';
import { log, logQuery } from './schema.ts';

export function logRoutes({ pool }: Pick<ApiDeps, 'pool'>): Route[] {
  return [
    route({
      method: 'get',
      path: '/v1/webhooks/logs',
      summary: 'List the tries of your webhook deliveries',
      description: 'One row per try, newest first.',
      tags: ['Webhooks'],
      auth: 'key',
      scopes: ['read'],
      query: logQuery,
      responses: { 200: json('The tries', log) },
      reasons: ['invalid_cursor'],
      handler: async ({ caller, query, ctx }) => {
        const rows = await listAttempts(pool, {
          merchantId: caller.merchantId,
          // One more than asked for tells whether there is a next page.
          limit: query.limit + 1,
          startingAfter: query.starting_after ?? null,
        });
        const page = rows.slice(0, query.limit);
        const headers = pageHeaders(ctx, { refs: page.map(({ id }) => id), more: rows.length > query.limit });
        return { status: 200, body: page, headers };
      },
    }),
  ];
}

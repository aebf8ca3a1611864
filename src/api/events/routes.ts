import { listPublicEvents, type PublicEvent } from '../../db/events.ts';
import type { ApiContext } from '../context.ts';
import type { ApiDeps } from '../deps.ts';
import { route, type Route } from '../middleware/guard.ts';
import { json } from '../middleware/responses.ts';
import { presentEvent } from './present.ts';
import { events, eventsQuery } from './schema.ts';

export function eventRoutes({ pool }: Pick<ApiDeps, 'pool'>): Route[] {
  return [
    route({
      method: 'get',
      path: '/v1/events',
      summary: 'Read your events in the order of their numbers',
      description:
        'The bodies of webhooks, every event of yours, whatever your endpoints subscribe to. Ask with the ' +
        'last `sequence` you know: what comes back is what you have missed.',
      tags: ['Webhooks'],
      auth: 'key',
      scopes: ['read'],
      query: eventsQuery,
      responses: { 200: json('The events, oldest first', events) },
      handler: async ({ caller: { merchantId }, query: { after, limit }, ctx }) => {
        // One more than asked for tells whether there is a next page.
        const found = await listPublicEvents(pool, { merchantId, after, limit: limit + 1 });
        const page = found.slice(0, limit);
        const headers = pageHeaders(ctx, { last: page.at(-1), more: found.length > limit });
        return { status: 200, body: page.map(presentEvent), headers };
      },
    }),
  ];
}

function pageHeaders(
  ctx: ApiContext,
  { last, more }: { last: PublicEvent | undefined; more: boolean },
): Record<string, string> {
  if (!more || last === undefined) return { 'PayFlow-Has-More': 'false' };
  const query = new URLSearchParams(ctx.querystring);
  query.set('after', String(last.sequence));
  return { 'PayFlow-Has-More': 'true', Link: `<${ctx.path}?${query.toString()}>; rel="next"` };
}

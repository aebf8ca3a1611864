import type { ApiDeps } from '../deps.ts';
import { route, type Route } from '../middleware/guard.ts';
import { json } from '../middleware/responses.ts';
import { SERVICE, VERSION } from '../version.ts';
import { health, pointer, readiness } from './schema.ts';
import { within } from './within.ts';

/** A load balancer asks every second or so: an answer that comes later is no answer. */
const DATABASE_MS_MAX = 500;
const CHECK_MS_MAX = 2_000;
const TAGS = ['Operation'];

export function healthRoutes(deps: Pick<ApiDeps, 'pool' | 'readiness' | 'config' | 'log'>): Route[] {
  return [live(deps), ready(deps), root(deps)];
}

function live({ pool }: Pick<ApiDeps, 'pool'>): Route {
  return route({
    method: 'get',
    path: '/health',
    summary: 'Whether this process lives',
    description: '200 also while the database is away: starting this process anew would not bring it back.',
    tags: TAGS,
    auth: 'none',
    responses: { 200: json('Alive', health) },
    handler: async () => {
      const reachable = await within(DATABASE_MS_MAX, async () => {
        await pool.query('select 1');
        return true;
      });
      const db = reachable === true ? ('up' as const) : ('down' as const);
      return { status: 200, body: { status: 'ok' as const, version: VERSION, service: SERVICE, db } };
    },
  });
}

function ready({ readiness: checks, log }: Pick<ApiDeps, 'readiness' | 'log'>): Route {
  return route({
    method: 'get',
    path: '/ready',
    summary: 'Whether this installation can take payments',
    tags: TAGS,
    auth: 'none',
    responses: { 200: json('Ready', readiness), 503: json('Not ready', readiness) },
    handler: async () => {
      const results = await Promise.all(
        Object.entries(checks).map(async ([name, check]) => {
          const good = await within(CHECK_MS_MAX, check, (error) =>
            log.warn({ check: name, error }, 'not ready'),
          );
          return [name, good === true ? ('ok' as const) : ('failed' as const)] as const;
        }),
      );
      const good = results.every(([, result]) => result === 'ok');
      const body = {
        status: good ? ('ready' as const) : ('not_ready' as const),
        checks: Object.fromEntries(results),
      };
      return { status: good ? 200 : 503, body };
    },
  });
}

function root({ config }: Pick<ApiDeps, 'config'>): Route {
  const at = (path: string) => `${config.apiUrl}${path}`;
  return route({
    method: 'get',
    path: '/',
    summary: 'Where to go from here',
    tags: TAGS,
    auth: 'none',
    responses: { 200: json('Addresses', pointer) },
    handler: async () => ({
      status: 200,
      body: {
        service: SERVICE,
        version: VERSION,
        docs: at('/docs'),
        openapi: at('/openapi.json'),
        health: at('/health'),
      },
    }),
  });
}

import { z } from 'zod';
import { insertCallback } from '../../db/sweep.ts';
import { PayflowError } from '../../domain/errors.ts';
import type { ApiDeps } from '../deps.ts';
import { route, type Route } from '../middleware/guard.ts';
import { json } from '../middleware/responses.ts';

type Deps = Pick<ApiDeps, 'pool' | 'parseCallback'>;

const received = z.strictObject({ received: z.literal(true) }).meta({ id: 'CallbackReceived' });

/** What a bank says by itself only tells that it is worth asking: it is kept, and the order asks. */
export function callbackRoutes({ pool, parseCallback }: Deps): Route[] {
  return [
    route({
      method: 'post',
      path: '/callbacks/{connector}',
      summary: 'For banks: something happened to an operation',
      tags: ['Callbacks'],
      auth: 'none',
      params: z.object({ connector: z.literal('simulator') }),
      body: z.record(z.string(), z.unknown()),
      decimals: true,
      responses: { 200: json('Kept', received) },
      reasons: ['invalid_signature'],
      handler: async ({ ctx, params }) => {
        const callback = parseCallback(ctx.state.rawBody?.toString() ?? '', headersOf(ctx.req.headers));
        if (callback === null) throw new PayflowError('invalid_signature');
        await insertCallback(pool, { connector: params.connector, ...callback });
        return { status: 200, body: { received: true as const } };
      },
    }),
  ];
}

function headersOf(headers: NodeJS.Dict<string | string[]>): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value[0] : value]),
  );
}

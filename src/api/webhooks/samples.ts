import { setTimeout as sleep } from 'node:timers/promises';
import { findEndpoint, type WebhookEndpoint } from '../../db/webhook-endpoints.ts';
import { findSample, insertSample, type WebhookSample } from '../../db/webhook-samples.ts';
import { PayflowError } from '../../domain/errors.ts';
import type { ApiDeps } from '../deps.ts';
import { route, type Route } from '../middleware/guard.ts';
import { REPLAYED } from '../middleware/idempotency.ts';
import { json } from '../middleware/responses.ts';
import { presentPendingSample, presentSample } from './present.ts';
import { endpointParams, pendingSample, sample, sampleBody } from './schema.ts';

type Deps = Pick<ApiDeps, 'pool' | 'startSample'>;

/** A POST ends after ten seconds at most; two more for what is around it. */
const SAMPLE_WAIT_MS = 12_000;
const POLL_MS_MIN = 25;
const POLL_MS_MAX = 250;

export function sampleRoutes(deps: Deps): Route[] {
  const { pool } = deps;
  return [
    route({
      method: 'post',
      path: '/v1/webhooks/{webhook_id}/test',
      summary: 'Send a sample to a webhook endpoint, and see what comes of it',
      description:
        'Signed like every webhook, also to an endpoint that is switched off. A sample has `sequence` 0, an ' +
        '`id` that begins with `evt_test_` and refs of zeros only; it is tried once, changes nothing and is ' +
        'in no log. 202: nothing has come of it yet; ask again with the same Idempotency-Key.',
      tags: ['Webhooks'],
      auth: 'key',
      scopes: ['write'],
      params: endpointParams,
      paramsReason: 'webhook_not_found',
      body: sampleBody,
      responses: {
        200: json('What came of it', sample),
        202: json('Under way', pendingSample),
      },
      reasons: ['webhook_not_found', 'too_many_requests'],
      idempotency: 'order',
      handler: async ({ caller: { merchantId }, params: { webhook_id: id }, body, idempotency }) => {
        const endpoint = await findEndpoint(pool, { merchantId, id });
        if (endpoint === null) throw new PayflowError('webhook_not_found');
        const asked = await insertSample(pool, {
          merchantId,
          endpointId: id,
          eventType: body.event ?? endpoint.events[0] ?? 'payment.captured',
          key: idempotency.key,
          requestHash: idempotency.hash(body),
        });
        const tried = await carriedOut(deps, asked.sample, endpoint);
        const headers = asked.replayed ? REPLAYED : {};
        const result = presentSample(tried);
        if (result !== null) return { status: 200 as const, body: result, headers };
        return { status: 202 as const, body: presentPendingSample(tried), headers };
      },
    }),
  ];
}

/**
 * The POST is made by a workflow like every POST to a merchant; we wait for what it writes. Starting it
 * again does nothing, and makes good what died between the row and the start.
 */
async function carriedOut(
  { pool, startSample }: Deps,
  asked: WebhookSample,
  { url }: WebhookEndpoint,
): Promise<WebhookSample> {
  const { id, eventType } = asked;
  if (asked.success !== null || url === null) return asked;
  const until = Date.now() + SAMPLE_WAIT_MS;
  await startSample({ id, eventType, url }).catch((cause: unknown) => {
    throw new PayflowError('unavailable', { cause });
  });
  let current = asked;
  for (let pauseMs = POLL_MS_MIN; Date.now() < until && current.success === null;) {
    await sleep(pauseMs);
    pauseMs = Math.min(POLL_MS_MAX, pauseMs * 1.5);
    current = (await findSample(pool, id)) ?? current;
  }
  return current;
}

import type { ApiDeps } from '../deps.ts';
import type { Route } from '../middleware/guard.ts';
import { endpointRoutes } from './endpoints.ts';
import { logRoutes } from './logs.ts';
import { deliveryRoutes } from './deliveries.ts';
import { sampleRoutes } from './samples.ts';
import { secretRoutes } from './secrets.ts';

/** `/v1/webhooks/logs` before `/v1/webhooks/{webhook_id}`: the first that matches answers. */
export function webhookRoutes(deps: ApiDeps): Route[] {
  return [
    ...logRoutes(deps),
    ...endpointRoutes(deps),
    ...secretRoutes(deps),
    ...deliveryRoutes(),
    ...sampleRoutes(deps),
  ];
}

import { Router } from '@koa/router';
import Koa from 'koa';
import { apiKeyRoutes } from './api-keys/routes.ts';
import { authRoutes } from './auth/routes.ts';
import type { ApiState } from './context.ts';
import type { ApiDeps } from './deps.ts';
import { callbackRoutes } from './callbacks/routes.ts';
import { checkoutRoutes } from './checkout/routes.ts';
import { docsRouter } from './docs/routes.ts';
import { eventRoutes } from './events/routes.ts';
import { healthRoutes } from './health/routes.ts';
import { merchantRoutes } from './merchants/routes.ts';
import { createAuthenticators } from './middleware/auth.ts';
import { errors } from './middleware/errors.ts';
import type { Gate, Route } from './middleware/guard.ts';
import { createRequestHash, createStoredReplies } from './middleware/idempotency.ts';
import { createTokens, type Tokens } from './middleware/jwt.ts';
import { createRateLimits, type RateLimits } from './middleware/rate-limit.ts';
import { requestId } from './middleware/request-id.ts';
import { requestLog } from './middleware/request-log.ts';
import { securityHeaders } from './middleware/security-headers.ts';
import { unmatched } from './middleware/unmatched.ts';
import { openApiDocument } from './openapi.ts';
import { orderRoutes } from './orders/routes.ts';
import { paymentRoutes } from './payments/routes.ts';
import { qrRoutes } from './qr/routes.ts';
import { refundRoutes } from './refunds/routes.ts';
import { transactionRoutes } from './transactions/routes.ts';
import { webhookRoutes } from './webhooks/routes.ts';

/** The whole API over what it is given. It holds nothing that would have to be closed. */
export function createApi(deps: ApiDeps): Koa<ApiState> {
  const { config, clock } = deps;
  const tokens = createTokens({ ...config, clock });
  const gate = createGate(deps, tokens);
  const groups = resources(deps, tokens, gate.limits);
  const document = once(() => openApiDocument(groups.flat(), config.apiUrl));
  return assemble([...groups.map((routes) => routerOf(routes, gate)), docsRouter(document)], deps);
}

/** The order in which a request meets everything. */
export function assemble(
  routers: readonly Router<ApiState>[],
  {
    log,
    config,
  }: Pick<ApiDeps, 'log'> & { config: Pick<ApiDeps['config'], 'apiUrl' | 'development' | 'proxyHops'> },
): Koa<ApiState> {
  // What is left of the entries that proxies of ours wrote was written by whoever asks.
  const { proxyHops } = config;
  const app = new Koa<ApiState>({ proxy: proxyHops > 0, maxIpsCount: proxyHops });
  const order = [
    requestId(),
    requestLog(log),
    errors({ log, apiUrl: config.apiUrl }),
    securityHeaders(config),
    // Each guard authenticates, reads the body, checks it, and only then calls its handler.
    ...routers.map((router) => router.routes()),
    unmatched((method, path) => routers.some((router) => router.match(path, method).route)),
  ];
  for (const middleware of order) app.use(middleware);
  // What still gets here broke while an answer was on its way: mostly clients that went away.
  app.on('error', (error: Error) => log.warn({ error: error.message }, 'an answer was not delivered'));
  return app;
}

/** One list per resource. */
function resources(deps: ApiDeps, tokens: Tokens, limits: RateLimits): Route[][] {
  return [
    authRoutes(deps, { tokens, limits }),
    merchantRoutes(deps),
    apiKeyRoutes(deps),
    orderRoutes(deps),
    paymentRoutes(deps),
    refundRoutes(deps),
    webhookRoutes(deps),
    eventRoutes(deps),
    checkoutRoutes(deps, limits),
    qrRoutes(deps),
    transactionRoutes(deps),
    callbackRoutes(deps),
    healthRoutes(deps),
  ];
}

export function createGate({ knex, apiKeys, config, limits }: ApiDeps, tokens: Tokens): Gate {
  return {
    authenticate: createAuthenticators({ knex, tokens, apiKeys }),
    requestHash: createRequestHash(config.secretKey),
    storedReplies: createStoredReplies(knex),
    limits: createRateLimits(limits, config),
  };
}

export function routerOf(routes: readonly Route[], gate: Gate): Router<ApiState> {
  const router = new Router<ApiState>({ sensitive: true });
  for (const { doc, handle } of routes) {
    router[doc.method](koaPath(doc.path), (ctx) => handle(ctx, gate));
  }
  return router;
}

/** `/v1/orders/{order_ref}` is `/v1/orders/:order_ref` there; a slash at the end is as good as none. */
function koaPath(path: string): string {
  return path.replace(/(?<=.)\/$/, '').replace(/\{(\w+)\}/g, ':$1');
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

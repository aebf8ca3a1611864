import helmet from 'koa-helmet';
import type { Middleware } from 'koa';

/**
 * The strictest policy, right for JSON: nothing may be loaded, nobody may frame it. A page of ours
 * sets its own Content-Security-Policy over this one.
 */
export function securityHeaders({ development }: { development: boolean }): Middleware {
  return helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
    },
    referrerPolicy: { policy: 'no-referrer' },
    // A browser that learns this on localhost refuses every other http server there.
    strictTransportSecurity: !development,
  });
}

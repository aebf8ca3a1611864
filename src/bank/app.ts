import { bodyParser } from '@koa/bodyparser';
import { Router } from '@koa/router';
import Koa, { type Middleware } from 'koa';
import type { Logger } from 'pino';
import { ZodError } from 'zod';
import type { BankDeps } from './deps.ts';
import { createPageRoutes } from './pages.ts';
import { BankRefusal } from './refusal.ts';
import { createCallerRoutes } from './routes.ts';

const BODY_SIZE_MAX = '64kb';
/** A page's address is its password: it is not logged. */
const PAGE_TOKEN = /^\/pages\/[^/]+/;

export function createBankApp(deps: BankDeps, logger: Logger): Koa {
  const app = new Koa();
  app.silent = true;
  app.use(answerErrors(logger));
  app.use(refuseWhileDown(deps));
  app.use(bodyParser({ jsonLimit: BODY_SIZE_MAX, formLimit: BODY_SIZE_MAX }));
  app.use(healthRoutes(deps).routes());
  app.use(createPageRoutes(deps).routes());
  app.use(createCallerRoutes(deps).routes());
  return app;
}

function answerErrors(logger: Logger): Middleware {
  return async (ctx, next) => {
    try {
      await next();
      if (ctx.status === 404 && ctx.body === undefined && ctx.respond !== false) {
        ctx.status = 404;
        ctx.body = { error: 'not_found' };
      }
    } catch (error) {
      const { status, ...body } = describe(error);
      // Only an unexpected error is logged: the others may quote what was sent, a card's number too.
      if (status === 500 && !(error instanceof BankRefusal)) {
        const path = ctx.path.replace(PAGE_TOKEN, '/pages/…');
        logger.error({ reason: describeError(error), method: ctx.method, path }, 'the bank failed');
      }
      ctx.status = status;
      ctx.body = body;
    }
  };
}

function describe(error: unknown): { status: number; error: string; issues?: unknown } {
  if (error instanceof BankRefusal) return { status: error.status, error: error.code };
  if (error instanceof ZodError) {
    const issues = error.issues.map(({ path, message }) => ({ path: path.join('.'), message }));
    return { status: 422, error: 'invalid_request', issues };
  }
  const status = error instanceof Error && 'status' in error ? Number(error.status) : 500;
  return status >= 400 && status < 500
    ? { status, error: 'malformed_body' }
    : { status: 500, error: 'internal' };
}

/** Text only: the error objects of pg carry the connection and the row with them. */
export function describeError(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function refuseWhileDown({ faults }: BankDeps): Middleware {
  return async (ctx, next) => {
    const exempt = ctx.path === '/health' || ctx.path === '/faults';
    if (faults.current().down === true && !exempt) throw new BankRefusal(503, 'down');
    await next();
  };
}

function healthRoutes({ pool }: BankDeps): Router {
  const router = new Router();
  router.get('/health', async (ctx) => {
    await pool.query('select 1');
    ctx.body = { status: 'ok' };
  });
  return router;
}

import { Router } from '@koa/router';
import type { Context } from 'koa';
import { checkApiKey } from './auth.ts';
import { authorize, giveUp, lookUp, onlyOnce } from './calls.ts';
import type { BankDeps } from './deps.ts';
import { faultsSchema } from './faults.ts';
import { readAccounts, readJournal } from './journal.ts';
import { dropLine, staySilent } from './line.ts';
import { type Operation, presentOutcome } from './operations.ts';
import { BankRefusal } from './refusal.ts';
import {
  abandonRequest,
  authorizeRequest,
  captureRequest,
  hashRequest,
  journalQuery,
  refundRequest,
  settleRequest,
  tokenRequest,
  voidRequest,
} from './requests.ts';
import { insertCapture, insertRefund, insertVoid, settleRefund } from './steps.ts';
import { storeCard } from './tokens.ts';

/** What the caller with the API key can do. The API is described in server.ts. */
export function createCallerRoutes(deps: BankDeps): Router {
  const router = new Router();
  router.use(async (ctx, next) => {
    checkApiKey(ctx, deps.apiKey);
    await next();
  });
  addMoney(router, deps);
  addSteps(router, deps);
  addQuestions(router, deps);
  addFaults(router, deps);
  return router;
}

function addMoney(router: Router, deps: BankDeps): void {
  const { faults, pool } = deps;
  router.post('/tokens', faults.around('tokenize'), async (ctx) => {
    const card = tokenRequest.parse(ctx.request.body);
    const { number, expiry_month: expiryMonth, expiry_year: expiryYear } = card;
    ctx.status = 201;
    ctx.body = await storeCard(pool, { number, expiryMonth, expiryYear }, deps.apiKey);
  });
  router.post('/authorizations', faults.around('authorize'), async (ctx) => {
    const { operation, answer } = await authorize(deps, authorizeRequest.parse(ctx.request.body));
    if (answer === 'late') await staySilent(ctx, deps.timing.slowAnswerMs);
    if (answer === 'never') {
      await staySilent(ctx, deps.timing.silenceMs);
      return dropLine(ctx);
    }
    answerWith(ctx, operation, deps);
  });
}

function addSteps(router: Router, deps: BankDeps): void {
  const { faults, pool } = deps;
  router.post('/captures', faults.around('capture'), async (ctx) => {
    const request = captureRequest.parse(ctx.request.body);
    const step = { ...request, requestHash: hashRequest('capture', request) };
    const made = await insertCapture(pool, step, deps.wantsCallbacks());
    answerWith(ctx, await onlyOnce(deps, made, step), deps);
  });
  router.post('/voids', faults.around('void'), async (ctx) => {
    const request = voidRequest.parse(ctx.request.body);
    const step = { ...request, requestHash: hashRequest('void', request) };
    const made = await insertVoid(pool, step, deps.wantsCallbacks());
    answerWith(ctx, await onlyOnce(deps, made, step), deps);
  });
  router.post('/refunds', faults.around('refund'), async (ctx) => {
    const request = refundRequest.parse(ctx.request.body);
    const step = { ...request, requestHash: hashRequest('refund', request) };
    const made = await insertRefund(pool, step, deps.wantsCallbacks());
    answerWith(ctx, await onlyOnce(deps, made, step), deps);
  });
  router.post('/refunds/:key/settle', async (ctx) => {
    const { outcome } = settleRequest.parse(ctx.request.body);
    const settled = await settleRefund(pool, {
      key: pathKey(ctx),
      state: outcome === 'processed' ? 'approved' : 'declined',
      notify: deps.wantsCallbacks(),
    });
    if (settled === null) throw new BankRefusal(409, 'no_such_pending_refund');
    answerWith(ctx, settled, deps);
  });
}

function addQuestions(router: Router, deps: BankDeps): void {
  const { faults, pool } = deps;
  // "Not found" is an answer of ours and not the status 404, which a wrong address would give too:
  // the caller decides about money by it.
  router.get('/operations/:key', faults.around('lookup'), async (ctx) => {
    ctx.body = { outcome: await lookUp(deps, pathKey(ctx)) };
  });
  router.post('/abandon', faults.around('abandon'), async (ctx) => {
    ctx.body = await giveUp(deps, abandonRequest.parse(ctx.request.body).key);
  });
  router.get('/journal', async (ctx) => {
    ctx.body = await readJournal(pool, journalQuery.parse(ctx.query));
  });
  router.get('/accounts', async (ctx) => {
    ctx.body = await readAccounts(pool);
  });
}

function addFaults(router: Router, { faults }: BankDeps): void {
  router.get('/faults', (ctx) => {
    ctx.body = faults.current();
  });
  router.post('/faults', (ctx) => {
    faults.set(faultsSchema.parse(ctx.request.body));
    ctx.body = faults.current();
  });
  router.delete('/faults', (ctx) => {
    faults.clear();
    ctx.body = faults.current();
  });
}

function answerWith(ctx: Context, operation: Operation, { publicUrl }: BankDeps): void {
  ctx.body = { outcome: presentOutcome(operation, publicUrl) };
}

function pathKey(ctx: { params: Record<string, string | undefined> }): string {
  return ctx.params['key'] ?? '';
}

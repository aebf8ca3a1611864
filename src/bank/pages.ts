import { Router } from '@koa/router';
import type { Context } from 'koa';
import { endWaiting } from './authorizations.ts';
import { checkApiKey } from './auth.ts';
import type { BankDeps } from './deps.ts';
import { isGoodOtp } from './magic.ts';
import { findByPage, type Operation, presentOutcome } from './operations.ts';
import { PAGE_HEADERS, renderNoPage, renderPage } from './page.ts';
import { BankRefusal } from './refusal.ts';
import { payerRequest } from './requests.ts';

/**
 * The payer's side. A page's token is known to nobody but the payer's browser and is all the
 * authentication it has; by the authorization's reference, a caller with the API key can stand in for
 * the payer and is answered in JSON.
 */
export function createPageRoutes(deps: BankDeps): Router {
  const router = new Router();
  router.get('/pages/:id', async (ctx) => {
    const operation = await findPage(deps, pathParameter(ctx, 'id'));
    ctx.set(PAGE_HEADERS);
    ctx.type = 'html';
    ctx.status = operation === null ? 404 : 200;
    ctx.body = operation === null ? renderNoPage() : renderPage(operation);
  });
  for (const answer of ['approve', 'decline'] as const) {
    router.post(`/pages/:id/${answer}`, async (ctx) => {
      const id = pathParameter(ctx, 'id');
      const asPayer = !isReference(id);
      if (!asPayer) checkApiKey(ctx, deps.apiKey);
      const operation = await find(deps, id);
      const { otp } = payerRequest.parse(ctx.request.body ?? {});
      const after = operation && (await decide(deps, operation, { answer, otp }));
      if (asPayer) leavePage(ctx, after);
      else answerJson(ctx, after, deps.publicUrl);
    });
  }
  return router;
}

const isReference = (id: string) => id.startsWith('bnk_');

/** Pages are found by their token only: a reference is printed on receipts. */
function findPage(deps: BankDeps, id: string): Promise<Operation | null> {
  return isReference(id) ? Promise.resolve(null) : find(deps, id);
}

function find(deps: BankDeps, id: string): Promise<Operation | null> {
  return findByPage(deps.pool, id);
}

/** As it is afterwards. Whoever comes second changes nothing. */
async function decide(
  deps: BankDeps,
  operation: Operation,
  { answer, otp }: { answer: 'approve' | 'decline'; otp: string | undefined },
): Promise<Operation | null> {
  const { key, actionType, pageToken } = operation;
  const approved = answer === 'approve' && (actionType !== 'otp' || isGoodOtp(otp ?? ''));
  const declineReason = answer === 'approve' ? 'payment_declined' : 'payment_cancelled';
  const ended = await endWaiting(deps.pool, {
    key,
    notify: deps.wantsCallbacks(),
    reason: approved ? null : declineReason,
  });
  return ended ?? find(deps, pageToken ?? '');
}

function leavePage(ctx: Context, operation: Operation | null): void {
  ctx.set(PAGE_HEADERS);
  if (operation?.returnUrl && operation.state !== 'abandoned') {
    ctx.status = 303;
    ctx.set('Location', operation.returnUrl);
    ctx.body = '';
    return;
  }
  ctx.type = 'html';
  ctx.status = operation === null ? 404 : 409;
  ctx.body = operation === null ? renderNoPage() : renderPage(operation);
}

function answerJson(ctx: Context, operation: Operation | null, publicUrl: string): void {
  if (operation === null) throw new BankRefusal(404, 'not_found');
  ctx.status = operation.state === 'abandoned' ? 409 : 200;
  ctx.body = { outcome: presentOutcome(operation, publicUrl) };
}

function pathParameter(ctx: { params: Record<string, string | undefined> }, name: string): string {
  return ctx.params[name] ?? '';
}

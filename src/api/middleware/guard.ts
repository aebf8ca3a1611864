import { z } from 'zod';
import type { Knex } from 'knex';
import type { Scope } from '../../db/api-keys.ts';
import type { KeyedRequest } from '../../db/idempotency-keys.ts';
import { PayflowError, type Reason } from '../../domain/errors.ts';
import type { ApiContext } from '../context.ts';
import type { Auth, Authenticators, Callers } from './auth.ts';
import { readBody, type BodyType } from './body.ts';
import { refuseHostileText } from './hostile-text.ts';
import { idempotencyKey, type Reply, type RequestHash, type StoredReplies } from './idempotency.ts';
import { detailsOf, InvalidRequest } from './invalid-request.ts';
import { networkOf, type RateLimits, type Spending } from './rate-limit.ts';
import type { ReplyOf, Responses } from './responses.ts';

type HttpMethod = 'get' | 'post' | 'put' | 'patch' | 'delete';

/** What a handler is given: everything checked, nothing left to parse. */
export interface GuardedRequest<
  A extends Auth,
  P extends z.ZodType,
  Q extends z.ZodType,
  B extends z.ZodType,
> {
  readonly caller: Callers[A];
  readonly params: z.output<P>;
  readonly query: z.output<Q>;
  readonly body: z.output<B>;
  readonly idempotency: Idempotency;
  readonly ctx: ApiContext;
}

export interface Idempotency {
  /** null where the client sent none. */
  readonly key: string | null;
  /** Of this method and concrete path with the body as given here. */
  hash(body: unknown): string;
  /** For `idempotency: 'stored'`: the work, the key and its reply in one transaction. */
  once<R extends Reply>(
    work: (trx: Knex.Transaction) => Promise<{ reply: R; stored: R['body'] }>,
  ): Promise<R>;
}

/** The limits that count before the body is read; each says for whom. */
const COUNTS_FOR = {
  registerByNetwork: (ctx: ApiContext) => networkOf(ctx.ip),
  payByNetwork: (ctx: ApiContext) => networkOf(ctx.ip),
  payByOrder: (_ctx: ApiContext, params: unknown) => (params as { order_ref: string }).order_ref,
};
type RouteLimit = keyof typeof COUNTS_FOR;

/** One declaration of a route: from it come the types, the checks and the OpenAPI document. */
export interface RouteSpec<
  A extends Auth,
  P extends z.ZodType,
  Q extends z.ZodType,
  B extends z.ZodType,
  R extends Responses,
> {
  readonly method: HttpMethod;
  /** As in OpenAPI: `/v1/orders/{order_ref}`. */
  readonly path: string;
  readonly summary: string;
  readonly description?: string;
  readonly tags: readonly string[];
  readonly auth: A;
  /** What an API key needs. */
  readonly scopes?: readonly Scope[];
  readonly params?: P;
  /** What a path parameter of an impossible shape is: the same as one that names nothing. */
  readonly paramsReason?: Reason;
  readonly query?: Q;
  readonly body?: B;
  readonly bodyTypes?: readonly BodyType[];
  /** What a request uses up, beside the requests of its API key. */
  readonly limits?: readonly RouteLimit[];
  /** The body may hold numbers with decimals; otherwise only integers pass. */
  readonly decimals?: boolean;
  readonly responses: R;
  /** The refusals of its own, beside those of authentication and of the body. */
  readonly reasons?: readonly Reason[];
  /** Errors may come as pages for people, too. */
  readonly errorPages?: boolean;
  /** `stored`: in `idempotency_keys`; `order`: the handler hands key and hash to the order's command. */
  readonly idempotency?: 'stored' | 'order';
  readonly handler: (request: GuardedRequest<A, P, Q, B>) => Promise<ReplyOf<NoInfer<R>>>;
}

/** What guards need to do their checks; one for the whole API. */
export interface Gate {
  readonly authenticate: Authenticators;
  readonly requestHash: RequestHash;
  readonly storedReplies: StoredReplies;
  readonly limits: RateLimits;
}

/** A route whose types have done their work. */
export interface Route {
  readonly doc: Omit<RouteSpec<Auth, z.ZodType, z.ZodType, z.ZodType, Responses>, 'handler'>;
  handle(ctx: ApiContext, gate: Gate): Promise<void>;
}

const NOTHING = z.unknown();
type Nothing = typeof NOTHING;

export function route<
  A extends Auth,
  R extends Responses,
  P extends z.ZodType = Nothing,
  Q extends z.ZodType = Nothing,
  B extends z.ZodType = Nothing,
>(spec: RouteSpec<A, P, Q, B, R>): Route {
  if (spec.idempotency === 'stored' && spec.auth !== 'merchant' && spec.auth !== 'key') {
    // Without a merchant in the scope, strangers would share their keys.
    throw new Error(`${spec.path}: stored idempotency needs a merchant`);
  }
  return {
    doc: spec,
    async handle(ctx, gate) {
      ctx.state.route = spec.path;
      // Who asks comes first: strangers learn nothing about what a good request looks like.
      const caller = await gate.authenticate[spec.auth](ctx, spec.scopes ?? []);
      const params = checkParams(ctx, spec.params, spec.paramsReason ?? 'not_found');
      const reply = await gate.limits.within(spendings(ctx, spec, params), () =>
        answer(ctx, gate, { spec, caller, params }),
      );
      send(ctx, reply);
    },
  };
}

function spendings(
  ctx: ApiContext,
  { limits = [] }: { limits?: readonly RouteLimit[] },
  params: unknown,
): Spending[] {
  const { keyId } = ctx.state;
  const ofKey = keyId === undefined ? [] : [{ limit: 'requestsByKey' as const, by: keyId }];
  return [...ofKey, ...limits.map((limit) => ({ limit, by: COUNTS_FOR[limit](ctx, params) }))];
}

/** The request of somebody who may ask. */
async function answer<
  A extends Auth,
  R extends Responses,
  P extends z.ZodType,
  Q extends z.ZodType,
  B extends z.ZodType,
>(
  ctx: ApiContext,
  gate: Gate,
  { spec, caller, params }: { spec: RouteSpec<A, P, Q, B, R>; caller: Callers[A]; params: z.output<P> },
): Promise<Reply> {
  const query = checkQuery(ctx, spec.query);
  const key = spec.idempotency === undefined ? null : idempotencyKey(ctx);
  const body = await checkBody(ctx, spec);
  const keyed = spec.idempotency === 'stored' ? keyedRequest(ctx, { gate, key, body }) : null;
  const replay = keyed === null ? null : await gate.storedReplies.find(keyed);
  if (replay !== null) return replay;
  const idempotency: Idempotency = {
    key,
    hash: (hashed) => gate.requestHash({ method: ctx.method, path: pathOf(ctx), body: hashed }),
    once: (work) => gate.storedReplies.once(keyed, work),
  };
  return spec.handler({ caller, params, query, body, idempotency, ctx });
}

function checkParams<S extends z.ZodType>(
  ctx: ApiContext,
  schema: S | undefined,
  reason: Reason,
): z.output<S> {
  const { params } = ctx as ApiContext & { params?: unknown };
  const checked = (schema ?? NOTHING).safeParse(params);
  if (!checked.success) throw new PayflowError(reason);
  return checked.data as z.output<S>;
}

function checkQuery<S extends z.ZodType>(ctx: ApiContext, schema: S | undefined): z.output<S> {
  const query = { ...ctx.query };
  refuseHostileText(query);
  return check('query', schema, query);
}

async function checkBody<B extends z.ZodType>(
  ctx: ApiContext,
  spec: { body?: B; bodyTypes?: readonly BodyType[]; decimals?: boolean },
): Promise<z.output<B>> {
  if (spec.body === undefined) return undefined as z.output<B>;
  const options = { types: spec.bodyTypes ?? (['json'] as const), decimals: spec.decimals ?? false };
  return check('body', spec.body, await readBody(ctx, options));
}

function check<S extends z.ZodType>(
  where: 'body' | 'query',
  schema: S | undefined,
  value: unknown,
): z.output<S> {
  const checked = (schema ?? NOTHING).safeParse(value);
  if (!checked.success) throw new InvalidRequest(detailsOf(where, checked.error));
  return checked.data as z.output<S>;
}

/** A key belongs to who chose it and to the route it was used on. */
function keyedRequest(
  ctx: ApiContext,
  { gate, key, body }: { gate: Gate; key: string | null; body: unknown },
): KeyedRequest | null {
  if (key === null) return null;
  const path = pathOf(ctx);
  return {
    scope: `${ctx.state.merchantId ?? ''} ${ctx.method} ${path}`,
    key,
    requestHash: gate.requestHash({ method: ctx.method, path, body }),
  };
}

/** With and without a slash at the end it is the same request. */
function pathOf(ctx: ApiContext): string {
  return ctx.path.replace(/(?<=.)\/$/, '');
}

function send(ctx: ApiContext, reply: Reply): void {
  // Answers hold money, secrets and names; a handler that knows better says so.
  ctx.set('Cache-Control', 'no-store');
  ctx.status = reply.status;
  ctx.set({ ...reply.headers });
  ctx.body = reply.body;
  // Koa takes an empty body for 204, whatever was meant.
  if (reply.body === null) ctx.status = reply.status;
}

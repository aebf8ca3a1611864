import type { ParameterizedContext, Middleware } from 'koa';
import type { PayflowError } from '../domain/errors.ts';

/** What the middleware leaves for those after it. Nothing secret: the request log reads it. */
export interface ApiState {
  requestId: string;
  /** The declared path of the route that took the request. */
  route?: string;
  merchantId?: string;
  keyId?: string;
  /** The body as it came, for signatures over raw bytes. */
  rawBody?: Buffer;
  /** Of a route that answers people: what they see instead of an error's JSON. */
  errorPage?: (refusal: PayflowError) => string;
}

export type ApiContext = ParameterizedContext<ApiState>;
export type ApiMiddleware = Middleware<ApiState>;

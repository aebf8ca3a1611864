import type { ParameterizedContext, Middleware } from 'koa';

/** What the middleware leaves for those after it. Nothing secret: the request log reads it. */
export interface ApiState {
  requestId: string;
  /** The declared path of the route that took the request. */
  route?: string;
  merchantId?: string;
  keyId?: string;
  /** The body as it came, for signatures over raw bytes. */
  rawBody?: Buffer;
}

export type ApiContext = ParameterizedContext<ApiState>;
export type ApiMiddleware = Middleware<ApiState>;

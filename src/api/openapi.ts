import { OpenApiGeneratorV31, OpenAPIRegistry, type RouteConfig } from '@asteasolutions/zod-to-openapi';
import { z } from 'zod';
import { ERRORS, type Reason } from '../domain/errors.ts';
import { AUTH_REASONS } from './middleware/auth.ts';
import { MEDIA_TYPES, type BodyType } from './middleware/body.ts';
import type { Route } from './middleware/guard.ts';
import type { ResponseSpec } from './middleware/responses.ts';
import { SERVICE, VERSION } from './version.ts';

export type OpenApiDocument = ReturnType<OpenApiGeneratorV31['generateDocument']>;
type Doc = Route['doc'];

const BODY_REASONS: readonly Reason[] = [
  'invalid_request',
  'malformed_json',
  'nul_character',
  'lone_surrogate',
  'too_deep',
  'body_too_large',
  'unsupported_media_type',
];
const QUERY_REASONS: readonly Reason[] = ['invalid_request', 'nul_character', 'lone_surrogate'];
const KEY_REASONS: readonly Reason[] = [
  'invalid_idempotency_key',
  'idempotency_key_reused',
  'idempotency_key_in_use',
];

const detail = z.strictObject({
  loc: z.array(z.union([z.string(), z.int()])),
  msg: z.string(),
  type: z.string(),
});
const errorSchema = z
  .strictObject({
    detail: z
      .union([z.string(), z.array(detail)])
      .meta({ description: 'A list where the request has a wrong shape.' }),
    error: z.strictObject({
      code: z.enum(['BAD_REQUEST_ERROR', 'GATEWAY_ERROR', 'SERVER_ERROR']),
      description: z.string(),
      field: z.string().nullable(),
      source: z.enum(['customer', 'business', 'internal', 'gateway', 'issuer_bank', 'network']),
      step: z.enum([
        'payment_initiation',
        'payment_authentication',
        'payment_authorization',
        'payment_capture',
        'refund',
      ]),
      reason: z.string(),
      doc_url: z.url(),
      request_id: z.string(),
    }),
  })
  .meta({ id: 'Error' });

/** The document that the routes themselves are checked by. */
export function openApiDocument(routes: readonly Route[], apiUrl: string): OpenApiDocument {
  const registry = new OpenAPIRegistry();
  registry.registerComponent('securitySchemes', 'token', {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
  });
  registry.registerComponent('securitySchemes', 'apiKey', {
    type: 'http',
    scheme: 'basic',
    description: 'Key id as user name, key secret as password.',
  });
  for (const { doc } of routes) registry.registerPath(operation(doc));
  const definitions = [{ type: 'schema' as const, schema: errorSchema }, ...registry.definitions];
  return new OpenApiGeneratorV31(definitions).generateDocument({
    openapi: '3.1.0',
    info: { title: SERVICE, version: VERSION, description: INTRODUCTION },
    servers: [{ url: apiUrl }],
  });
}

const INTRODUCTION = [
  'Amounts are integers in minor units (₹1 = 100).',
  'Every error has the shape of `Error`; `/docs/errors` explains every reason.',
  'Send `Idempotency-Key` with every POST that must not happen twice.',
].join('\n\n');

function operation(doc: Doc): RouteConfig {
  const { method, path, summary, description, tags } = doc;
  return {
    method,
    path,
    summary,
    ...(description === undefined ? {} : { description }),
    tags: [...tags],
    operationId: operationId(doc),
    security: security(doc),
    request: request(doc),
    responses: { ...errorResponses(doc), ...responses(doc) },
  };
}

/** `post_v1_orders`, `get_v1_orders_order_ref`: stable as long as the path is. */
function operationId({ method, path }: Doc): string {
  return [method, ...path.split(/[^A-Za-z0-9]+/)].filter((part) => part !== '').join('_');
}

function security({ auth, scopes }: Doc): Record<string, string[]>[] {
  if (auth === 'none') return [];
  return auth === 'key' ? [{ apiKey: [...(scopes ?? [])] }] : [{ token: [] }];
}

const idempotencyHeader = z.object({
  'Idempotency-Key': z
    .string()
    .min(1)
    .max(255)
    .optional()
    .meta({ description: 'Visible ASCII. The same key and body get the same answer for 24 hours at least.' }),
});

function request(doc: Doc): NonNullable<RouteConfig['request']> {
  return {
    ...(doc.params instanceof z.ZodObject ? { params: doc.params } : {}),
    ...(doc.query instanceof z.ZodObject ? { query: doc.query } : {}),
    ...(doc.idempotency === undefined ? {} : { headers: idempotencyHeader }),
    ...(doc.body === undefined ? {} : { body: requestBody(doc.body, doc.bodyTypes ?? ['json']) }),
  };
}

function requestBody(schema: z.ZodType, types: readonly BodyType[]) {
  const content = Object.fromEntries(types.map((type) => [MEDIA_TYPES[type], { schema }]));
  return { content, required: !schema.safeParse({}).success };
}

function responses(doc: Doc): RouteConfig['responses'] {
  return Object.fromEntries(
    Object.entries(doc.responses).map(([status, response]) => [status, success(response)]),
  );
}

function success({ description, schema, mediaType }: ResponseSpec): RouteConfig['responses'][string] {
  if (mediaType === null) return { description };
  return { description, content: { [mediaType]: { schema: schema ?? { type: 'string' } } } };
}

/** One answer per status, with the reasons it can have: an undeclared one fails the contract tests. */
function errorResponses(doc: Doc): RouteConfig['responses'] {
  const byStatus = new Map<number, Reason[]>();
  for (const reason of new Set(reasonsOf(doc))) {
    const { status } = ERRORS[reason];
    byStatus.set(status, [...(byStatus.get(status) ?? []), reason]);
  }
  return Object.fromEntries([...byStatus].map(([status, reasons]) => [status, errorResponse(reasons, doc)]));
}

function reasonsOf(doc: Doc): Reason[] {
  return [
    ...AUTH_REASONS[doc.auth],
    ...(doc.params === undefined ? [] : [doc.paramsReason ?? ('not_found' as const)]),
    ...QUERY_REASONS,
    ...(doc.body === undefined ? [] : BODY_REASONS),
    ...(doc.idempotency === undefined ? [] : KEY_REASONS),
    ...(doc.auth === 'key' || doc.limits !== undefined ? (['too_many_requests'] as const) : []),
    ...(doc.reasons ?? []),
    'unavailable',
  ];
}

function errorResponse(reasons: readonly Reason[], { errorPages }: Doc): RouteConfig['responses'][string] {
  const description = reasons.map((reason) => `\`${reason}\`: ${ERRORS[reason].text}`).join('\n\n');
  const narrowed = { properties: { error: { properties: { reason: { enum: [...reasons] } } } } };
  const schema = { allOf: [{ $ref: '#/components/schemas/Error' }, narrowed] };
  const page = errorPages === true ? { 'text/html': { schema: { type: 'string' as const } } } : {};
  return { description, content: { 'application/json': { schema }, ...page } };
}

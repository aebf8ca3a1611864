import { ERRORS } from '../../domain/errors.ts';
import { startApi, type TestApi } from '../../testing/api.ts';
import { createContractCheck } from '../../testing/contract.ts';
import type { OpenApiDocument } from '../openapi.ts';

let api: TestApi;

beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

async function get(path: string) {
  const response = await fetch(`${api.url}${path}`, { redirect: 'manual' });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

interface Operation {
  operationId: string;
  summary?: string;
  security: object[];
  responses: Record<string, { content?: Record<string, { schema: object }> }>;
  requestBody?: { required: boolean };
  parameters?: { name: string; in: string }[];
}

async function operations(): Promise<[string, Operation][]> {
  const { paths } = JSON.parse((await get('/openapi.json')).text) as OpenApiDocument;
  return Object.entries(paths ?? {}).flatMap(([path, item]) =>
    Object.entries(item as Record<string, Operation>).map(([method, operation]): [string, Operation] => [
      `${method} ${path}`,
      operation,
    ]),
  );
}

describe('GET /openapi.json', () => {
  test('is OpenAPI 3.1 with every operation under a name of its own', async () => {
    const { text } = await get('/openapi.json');
    expect(JSON.parse(text)).toMatchObject({ openapi: '3.1.0', servers: [{ url: 'http://api.test' }] });
    const names = (await operations()).map(([, { operationId }]) => operationId);
    expect(new Set(names).size).toBe(names.length);
  });

  test('declares every path parameter, and for each operation what it answers when it works', async () => {
    for (const [name, { summary, responses, parameters }] of await operations()) {
      const inPath = [...name.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => parameter);
      const declared = (parameters ?? []).filter((each) => each.in === 'path').map((each) => each.name);
      expect({ name, declared }).toEqual({ name, declared: inPath });
      expect(summary).toBeTruthy();
      expect(Object.keys(responses).some((status) => status.startsWith('2') || status.startsWith('3'))).toBe(
        true,
      );
    }
  });

  test('lists the reasons of every refusal', async () => {
    const register = (await operations()).find(([name]) => name === 'post /auth/register')?.[1];
    const refusal = JSON.stringify(register?.responses['400']?.content?.['application/json']?.schema);
    expect(refusal).toContain('email_taken');
    expect(refusal).toContain('nul_character');
    expect(register?.requestBody?.required).toBe(true);
    expect(register?.security).toEqual([]);
  });

  test('says where an Idempotency-Key is understood', async () => {
    const create = (await operations()).find(([name]) => name === 'post /merchants/me/keys')?.[1];
    expect(create?.parameters).toContainEqual(
      expect.objectContaining({ name: 'Idempotency-Key', in: 'header' }),
    );
    expect(create?.security).toEqual([{ token: [] }]);
    expect(create?.requestBody?.required).toBe(false);
  });
});

describe('GET /docs', () => {
  test('loads only from us, and no script stands inside of it', async () => {
    const { status, headers, text } = await get('/docs');
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('text/html; charset=utf-8');
    const policy = headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toMatch(/unsafe|\*|https?:/);
    expect(text).not.toMatch(/<script>|<style>|\sstyle=|\son\w+=|https?:\/\//);
  });

  test('everything it asks for is there', async () => {
    const { text } = await get('/docs');
    const addresses = [...text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, address]) => address ?? '');
    expect(addresses.length).toBeGreaterThanOrEqual(5);
    for (const address of addresses) {
      const { status, headers } = await get(address);
      expect({ address, status }).toEqual({ address, status: 200 });
      expect(headers.get('x-content-type-options')).toBe('nosniff');
    }
  });

  test.each(['package.json', '..%2fpackage.json', 'constructor', '__proto__', 'swagger-ui.css.map'])(
    'the asset %s does not exist',
    async (name) => {
      expect((await get(`/docs/assets/${name}`)).status).toBe(404);
    },
  );

  test('the old address of the other docs leads here', async () => {
    const { status, headers } = await get('/redoc');
    expect([status, headers.get('location')]).toEqual([302, '/docs']);
  });
});

describe('GET /docs/errors', () => {
  test('explains every reason at the anchor that doc_url names', async () => {
    const { text } = await get('/docs/errors');
    for (const reason of Object.keys(ERRORS)) expect(text).toContain(`<tr id="${reason}">`);
    const { body } = await api.call('GET', '/nowhere');
    expect(body['error']?.['doc_url']).toBe('http://api.test/docs/errors#not_found');
  });
});

describe('the contract check of our tests', () => {
  const answer = { method: 'GET', path: '/health', status: 200, mediaType: 'application/json' };
  const good = { status: 'ok', version: '3.0.0', service: 'x', db: 'up' };
  let check: ReturnType<typeof createContractCheck>;

  beforeAll(async () => {
    check = createContractCheck(JSON.parse((await get('/openapi.json')).text) as OpenApiDocument);
  });

  test('lets pass what is declared', () => {
    expect(() => check({ ...answer, body: good })).not.toThrow();
  });

  test.each([
    ['an undeclared status', { ...answer, status: 201, body: good }],
    ['another media type', { ...answer, mediaType: 'text/html', body: good }],
    ['a missing property', { ...answer, body: { ...good, db: undefined } }],
    ['a property too many', { ...answer, body: { ...good, extra: 1 } }],
    ['a wrong type', { ...answer, body: { ...good, version: 3 } }],
    ['a 404 that is no error body', { ...answer, path: '/nowhere', status: 404, body: { detail: 'x' } }],
    [
      'a body with 204',
      { ...answer, method: 'DELETE', path: '/merchants/me/keys/x', status: 204, body: { a: 1 } },
    ],
  ])('stops %s', (_, wrong) => {
    expect(() => check({ ...wrong, body: JSON.parse(JSON.stringify(wrong.body)) as unknown })).toThrow();
  });

  test('stops a reason that the route does not declare', async () => {
    const { body } = await api.call('GET', '/merchants/me');
    const error = Object.assign({}, body['error'], { reason: 'order_expired' });
    const wrong = { detail: body['detail'], error };
    const refusal = { method: 'GET', path: '/merchants/me', status: 401, mediaType: 'application/json' };
    expect(() => check({ ...refusal, body })).not.toThrow();
    expect(() => check({ ...refusal, body: wrong })).toThrow('allowed values');
  });
});

import { Router } from '@koa/router';
import { PayflowError } from '../../domain/errors.ts';
import type { ApiContext, ApiState } from '../context.ts';
import type { OpenApiDocument } from '../openapi.ts';
import { createAssets } from './assets.ts';
import { errorsPage } from './errors-page.ts';
import { page } from '../html.ts';

const ASSET_SECONDS = 3600;
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** The documents about the API; they are not part of what they document. */
export function docsRouter(document: () => OpenApiDocument): Router<ApiState> {
  const router = new Router<ApiState>();
  const asset = createAssets();
  router.get('/openapi.json', (ctx) => {
    ctx.body = document();
  });
  router.get('/docs', (ctx) => sendPage(ctx, SWAGGER_PAGE));
  router.get('/redoc', (ctx) => ctx.redirect('/docs'));
  const errors = errorsPage();
  router.get('/docs/errors', (ctx) => sendPage(ctx, errors));
  router.get('/docs/assets/:name', async (ctx) => {
    const found = await asset(ctx.params['name'] ?? '');
    if (found === null) throw new PayflowError('not_found');
    ctx.set('Cache-Control', `public, max-age=${ASSET_SECONDS}`);
    ctx.type = found.mediaType;
    ctx.body = found.bytes;
  });
  return router;
}

const SWAGGER_PAGE = page({
  title: 'PayFlow API',
  head: `<link rel="stylesheet" href="/docs/assets/swagger-ui.css">
<link rel="icon" href="/docs/assets/favicon-32x32.png">
<script src="/docs/assets/swagger-ui-bundle.js" defer></script>
<script src="/docs/assets/init.js" defer></script>`,
  body: '<div id="swagger-ui"></div>\n<noscript>The same as a file: <a href="/openapi.json">openapi.json</a></noscript>',
});

function sendPage(ctx: ApiContext, html: string): void {
  ctx.set('Content-Security-Policy', POLICY);
  ctx.type = 'html';
  ctx.body = html;
}

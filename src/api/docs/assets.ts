import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

export interface Asset {
  readonly mediaType: string;
  readonly bytes: Buffer;
}

const JAVASCRIPT = 'text/javascript; charset=utf-8';
const CSS = 'text/css; charset=utf-8';

// A file of its own, because our policy forbids scripts inside of pages.
const INIT_JS = `window.addEventListener('DOMContentLoaded', () => {
  SwaggerUIBundle({ url: '/openapi.json', dom_id: '#swagger-ui', deepLinking: true, tryItOutEnabled: true });
});
`;

const DOCS_CSS = `:root { color-scheme: light dark; font-family: system-ui, sans-serif; line-height: 1.5; }
body { margin: 0; }
main { max-width: 75rem; margin: 0 auto; padding: 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: 0.4rem 0.8rem 0.4rem 0; border-bottom: 1px solid #8884; }
tr:target { background: #fd04; }
`;

/** The files of Swagger UI that we need, and our own. Names outside of this list do not exist. */
const FROM_SWAGGER_UI: Record<string, string> = {
  'swagger-ui.css': CSS,
  'swagger-ui-bundle.js': JAVASCRIPT,
  'favicon-32x32.png': 'image/png',
};
const OURS: Record<string, Asset> = {
  'init.js': { mediaType: JAVASCRIPT, bytes: Buffer.from(INIT_JS) },
  'docs.css': { mediaType: CSS, bytes: Buffer.from(DOCS_CSS) },
};

/** Reads each file once; two megabytes in all. */
export function createAssets(): (name: string) => Promise<Asset | null> {
  const folder = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
  const read = new Map<string, Promise<Asset>>();
  return async (name) => {
    if (Object.hasOwn(OURS, name)) return OURS[name] ?? null;
    const mediaType = Object.hasOwn(FROM_SWAGGER_UI, name) ? FROM_SWAGGER_UI[name] : undefined;
    if (mediaType === undefined) return null;
    const asset = read.get(name) ?? readFile(join(folder, name)).then((bytes) => ({ mediaType, bytes }));
    read.set(name, asset);
    return asset;
  };
}

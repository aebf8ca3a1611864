import type { IncomingMessage } from 'node:http';
import { PayflowError } from '../../domain/errors.ts';
import type { ApiContext } from '../context.ts';
import { refuseHostileText } from './hostile-text.ts';

export type BodyType = 'json' | 'form';

export const BODY_BYTES_MAX = 65_536;
/** A body that is too large is read to here and forgotten, so that the sender gets to see the answer. */
const DRAINED_BYTES_MAX = 10_000_000;

export const MEDIA_TYPES: Record<BodyType, string> = {
  json: 'application/json',
  form: 'application/x-www-form-urlencoded',
};
const UTF8 = new TextDecoder('utf-8', { fatal: true });

/**
 * The body as a value, with everything refused that no schema would look for. No body at all is the
 * empty object: some routes need none, and the others' schemas say what is missing.
 */
export async function readBody(
  ctx: ApiContext,
  { types, decimals }: { types: readonly BodyType[]; decimals: boolean },
): Promise<unknown> {
  if (!hasBody(ctx.req)) return {};
  const type = types.find((candidate) => MEDIA_TYPES[candidate] === ctx.request.type.toLowerCase());
  if (type === undefined || !isPlainUtf8(ctx)) {
    throw new PayflowError('unsupported_media_type', {
      text: `Send the body as ${types.map((each) => MEDIA_TYPES[each]).join(' or ')}`,
    });
  }
  const bytes = await readBytes(ctx.req);
  ctx.state.rawBody = bytes;
  if (bytes.length === 0) return {};
  const text = decode(bytes);
  const value = type === 'form' ? parseForm(text) : parseJson(text, { decimals });
  refuseHostileText(value);
  return value;
}

function hasBody(request: IncomingMessage): boolean {
  const length = request.headers['content-length'];
  return request.headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0');
}

function isPlainUtf8(ctx: ApiContext): boolean {
  const encoding = ctx.get('Content-Encoding').toLowerCase();
  return /^(utf-?8)?$/i.test(ctx.request.charset) && (encoding === '' || encoding === 'identity');
}

function readBytes(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= BODY_BYTES_MAX) return void chunks.push(chunk);
      chunks.length = 0;
      if (size > DRAINED_BYTES_MAX) request.destroy();
      reject(new PayflowError('body_too_large'));
    });
    request.on('end', () => resolve(Buffer.concat(chunks)));
    const cutOff = () => reject(new PayflowError('malformed_json', { text: 'The body ended early' }));
    request.on('error', cutOff);
    request.on('close', cutOff);
  });
}

function decode(bytes: Buffer): string {
  try {
    return UTF8.decode(bytes);
  } catch {
    throw new PayflowError('malformed_json', { text: 'The body is not valid UTF-8' });
  }
}

/** Of a name that comes twice the last one counts, as in JSON. `__proto__` becomes a property like any other. */
function parseForm(text: string): unknown {
  return Object.fromEntries(new URLSearchParams(text));
}

// Strings whole, so that a digit inside of one is not taken for a number.
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*/g;
// Contains NUL, which no accepted string does.
const NOT_AN_INTEGER = '\u0000not an integer';

/**
 * To JSON.parse `1e2`, `100.0` and `100` are the same number; as an amount of money only the last is
 * accepted. The others become NaN, which every schema refuses at the right place.
 */
function parseJson(text: string, { decimals }: { decimals: boolean }): unknown {
  const value = parse(text);
  if (decimals) return value;
  let found = false;
  const marked = text.replace(TOKEN, (token) => {
    if (token.startsWith('"') || !/[.eE]/.test(token)) return token;
    found = true;
    return JSON.stringify(NOT_AN_INTEGER);
  });
  if (!found) return value;
  refuseHostileText(value);
  return JSON.parse(marked, (_, item: unknown) => (item === NOT_AN_INTEGER ? NaN : item));
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Its message quotes the body, which may hold a card number.
    throw new PayflowError('malformed_json');
  }
}

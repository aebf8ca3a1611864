import type { Readable } from 'node:stream';

/** How much of a receiver's answer is read, and kept in the log. */
export const BODY_BYTES_MAX = 1_024;

/**
 * The beginning of a body as text that Postgres takes. Reading stops at the limit, which closes the
 * connection. A body that breaks off is what came of it: the status had been received.
 */
export async function readHead(body: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > BODY_BYTES_MAX) break;
    }
  } catch {
    // What came before the break is enough for a log.
  }
  const head = Buffer.concat(chunks).subarray(0, BODY_BYTES_MAX);
  // As a stream, so that a character cut in two at the limit is left out. NUL cannot be stored as text.
  return new TextDecoder().decode(head, { stream: true }).replaceAll('\0', '\u{fffd}');
}

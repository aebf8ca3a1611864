import type { Context } from 'koa';

/** Breaks the connection instead of answering. */
export function dropLine(ctx: Context): void {
  ctx.respond = false;
  ctx.req.socket.destroy();
}

/** Says nothing for so long, or until the caller hangs up or the bank closes. */
export function staySilent(
  ctx: Context,
  { ms, closing }: { ms: number; closing: AbortSignal },
): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      ctx.res.off('close', end);
      closing.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    ctx.res.once('close', end);
    closing.addEventListener('abort', end);
    // Whoever hung up or closed before we listened.
    if (closing.aborted || ctx.res.closed || ctx.res.destroyed) end();
  });
}

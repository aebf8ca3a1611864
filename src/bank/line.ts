import type { Context } from 'koa';

/** Breaks the connection instead of answering. */
export function dropLine(ctx: Context): void {
  ctx.respond = false;
  ctx.req.socket.destroy();
}

/** Says nothing for so long, or until the line is gone: the caller hangs up, or the bank closes. */
export function staySilent(ctx: Context, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      ctx.res.off('close', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    ctx.res.once('close', end);
    // Whoever hung up before we listened.
    if (ctx.res.closed || ctx.res.destroyed) end();
  });
}

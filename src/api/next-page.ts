import type { ApiContext } from './context.ts';

/** The headers of a page: whether there is more, and where. */
export function nextPage(
  ctx: ApiContext,
  more: boolean,
  lastRef: string | undefined,
): Record<string, string> {
  if (!more || lastRef === undefined) return { 'PayFlow-Has-More': 'false' };
  const query = new URLSearchParams(ctx.querystring);
  query.set('starting_after', lastRef);
  return { 'PayFlow-Has-More': 'true', Link: `<${ctx.path}?${query.toString()}>; rel="next"` };
}

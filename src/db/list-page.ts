import type pg from 'pg';

/** One page of a list, newest first. The cursors are refs of the list's rows; at most one of them is given. */
export interface Page {
  readonly limit: number;
  readonly startingAfter: string | null;
  readonly endingBefore: string | null;
  /** Rows to leave out first, for clients that page by numbers. */
  readonly skip: number;
}

export interface PageOf<T> {
  readonly rows: readonly T[];
  /** Beyond the page, in the direction of the cursor. */
  readonly more: boolean;
}

/** Where the rows come from, and the two columns that put them in order. */
export interface ListSource {
  readonly select: string;
  readonly at: string;
  readonly ref: string;
}

/** `<column or expression> <operator>`, and what stands to the right of it. */
export type Condition = readonly [left: string, right: unknown];

/** The conditions that somebody asked for. */
export function wanted(conditions: readonly Condition[]): Condition[] {
  return conditions.filter(([, right]) => right !== null);
}

/**
 * By keyset: a page deep in a list costs what the first one costs. Null: the cursor names nothing in
 * this list. `within` says whose list it is, `filters` what of it is wanted: a cursor need not match
 * those.
 */
export async function readPage<T extends pg.QueryResultRow>(
  pool: pg.Pool,
  {
    source,
    within,
    filters,
    page,
  }: { source: ListSource; within: Condition[]; filters: Condition[]; page: Page },
): Promise<PageOf<T> | null> {
  const { select, at, ref } = source;
  const { limit, startingAfter, endingBefore, skip } = page;
  const cursor = startingAfter ?? endingBefore;
  const values: unknown[] = [];
  const all = (conditions: readonly Condition[]) =>
    conditions.map(([left, right]) => `${left} $${values.push(right)}`).join(' and ');
  let where = all([...within, ...filters]);
  const [order, beyond] = endingBefore === null ? ['desc', '<'] : ['asc', '>'];
  if (cursor !== null) {
    const place = await placeOf(pool, source, [...within, [`${ref} =`, cursor]]);
    if (place === null) return null;
    where += ` and (${at}, ${ref}) ${beyond} ($${values.push(place)}::timestamptz, $${values.push(cursor)})`;
  }
  const { rows } = await pool.query<T>({
    text: `${select} where ${where} order by ${at} ${order}, ${ref} ${order}
      limit $${values.push(limit + 1)} offset $${values.push(skip)}`,
    values,
  });
  // One more than asked for tells whether there is a next page.
  const shown = rows.slice(0, limit);
  return { rows: endingBefore === null ? shown : shown.toReversed(), more: rows.length > limit };
}

async function placeOf(
  pool: pg.Pool,
  { select, at }: ListSource,
  conditions: Condition[],
): Promise<string | null> {
  const where = conditions.map(([left], index) => `${left} $${index + 1}`).join(' and ');
  const { rows } = await pool.query<{ at: string }>({
    text: `select ${at} as at ${select.slice(select.indexOf('from '))} where ${where}`,
    values: conditions.map(([, right]) => right),
  });
  return rows[0]?.at ?? null;
}

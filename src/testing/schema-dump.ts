import type pg from 'pg';

/** Knex keeps its own books; they are not ours to compare. */
const NOT_OURS = `('knex_migrations', 'knex_migrations_lock')`;
const OUR_TABLE = `c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace and c.relname not in ${NOT_OURS}`;

/** A NOT NULL is written at its column (Postgres 18 knows it as a constraint too), a constraint trigger with the triggers. */
const TABLES = `
select format(E'create table %I (\\n%s\\n)%s;', c.relname,
  string_agg('  ' || line.text, E',\\n' order by line.kind, line.place, line.text collate "C"),
  coalesce(' with (' || array_to_string(c.reloptions, ', ') || ')', '')) as sql
from pg_class c
cross join lateral (
  select 1 as kind, a.attnum::int as place,
    format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod))
      || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '')
      || case when a.attnotnull then ' not null' else '' end as text
  from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
  where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  union all
  select 2, position(k.contype::text in 'puxc'), format('constraint %I %s', k.conname, pg_get_constraintdef(k.oid))
  from pg_constraint k where k.conrelid = c.oid and k.contype in ('p', 'u', 'x', 'c')
) line
where ${OUR_TABLE}
group by c.oid, c.relname, c.reloptions
order by c.relname collate "C"`;

/** Those of primary keys and unique constraints come with their tables. */
const INDEXES = `
select pg_get_indexdef(i.indexrelid) || ';' as sql
from pg_index i join pg_class c on c.oid = i.indrelid
where ${OUR_TABLE} and not exists (select 1 from pg_constraint k where k.conindid = i.indexrelid and k.contype in ('p', 'u', 'x'))
order by c.relname collate "C", i.indexrelid::regclass::text collate "C"`;

const FOREIGN_KEYS = `
select format('alter table %I add constraint %I %s;', c.relname, k.conname, pg_get_constraintdef(k.oid)) as sql
from pg_constraint k join pg_class c on c.oid = k.conrelid
where ${OUR_TABLE} and k.contype = 'f'
order by c.relname collate "C", k.conname collate "C"`;

const FUNCTIONS = `
select rtrim(pg_get_functiondef(p.oid), E'\\n') || ';' as sql
from pg_proc p where p.pronamespace = 'public'::regnamespace
order by p.oid::regprocedure::text collate "C"`;

const TRIGGERS = `
select pg_get_triggerdef(t.oid) || ';' as sql
from pg_trigger t join pg_class c on c.oid = t.tgrelid
where ${OUR_TABLE} and not t.tgisinternal
order by c.relname collate "C", t.tgname collate "C"`;

const SECTIONS: readonly (readonly [title: string, query: string, between: string])[] = [
  ['Tables', TABLES, '\n\n'],
  ['Indexes', INDEXES, '\n'],
  ['Foreign keys', FOREIGN_KEYS, '\n'],
  ['Functions', FUNCTIONS, '\n\n'],
  ['Triggers', TRIGGERS, '\n'],
];

/** The schema as text that can be run: from the catalogue, in stable order, the same on Postgres 15 and 18. */
export async function dumpSchema(pool: pg.Pool): Promise<string> {
  const parts = [
    '-- The schema that the migrations make; a change of it is reviewed here. Rewritten by UPDATE_GOLDEN=1.',
  ];
  for (const [title, query, between] of SECTIONS) {
    const { rows } = await pool.query<{ sql: string }>(query);
    parts.push(`-- ${title}`, rows.map(({ sql }) => sql).join(between));
  }
  return `${parts.join('\n\n')}\n`;
}

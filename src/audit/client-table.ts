import type pg from 'pg';
import type { ClientAnswer } from './client-log.ts';

/** Like the bank's journal, a client's log is in the order of time and is compared order by order. */
export async function createClientTable(client: pg.ClientBase): Promise<void> {
  await client.query(`create temporary table audit_answers (
    id bigint generated always as identity primary key,
    order_ref text,
    answer jsonb not null
  )`);
  await client.query('create index audit_answers_of_order on audit_answers (order_ref, id)');
}

export async function insertAnswers(client: pg.ClientBase, answers: readonly ClientAnswer[]): Promise<void> {
  await client.query({
    name: 'audit_insert_answers',
    text: `insert into audit_answers (order_ref, answer)
      select a ->> 'order_ref', a from jsonb_array_elements($1::jsonb) a`,
    values: [JSON.stringify(answers)],
  });
}

/** What was granted for an order that is in no table, after an id, ascending. */
export async function unknownAnswers(
  client: pg.ClientBase,
  { after, limit }: { after: number; limit: number },
): Promise<{ id: number; answer: ClientAnswer }[]> {
  const { rows } = await client.query<{ id: number; answer: ClientAnswer }>({
    name: 'audit_unknown_answers',
    text: `select a.id, a.answer from audit_answers a
      where a.id > $1 and (a.answer ->> 'status')::integer < 300
        and not exists (select 1 from orders o where o.order_ref = a.order_ref)
      order by a.id limit $2`,
    values: [after, limit],
  });
  return rows;
}

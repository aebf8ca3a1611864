import type pg from 'pg';
import type { Command, CommandKind, Reply } from '../domain/commands.ts';

/** Who asks, and by which key the question is the same question. */
export interface Asked {
  /** The new command's id, used only if it is accepted. */
  readonly commandId: string;
  readonly orderRef: string;
  readonly merchantId: string;
  readonly scope: string;
  /** null: every request is a new one. */
  readonly key: string | null;
  readonly requestHash: string;
}

/** What the columns of a command row hold beside its arguments. Times are ISO 8601. */
export interface CommandRow {
  id: string;
  kind: CommandKind;
  args: Record<string, unknown>;
  accepted_at: string;
}

/** The instruction as Temporal is given it: the same at every drive, whoever drives. */
export function commandOf(row: CommandRow): Command {
  return { ...row.args, id: row.id, kind: row.kind, acceptedAt: Date.parse(row.accepted_at) } as Command;
}

/** The commands of an order that nobody has answered, oldest first. */
export async function openCommands(client: pg.Pool | pg.PoolClient, orderRef: string): Promise<Command[]> {
  const { rows } = await client.query<CommandRow>({
    name: 'open_commands',
    text: `select id, kind, args, accepted_at from commands
      where order_ref = $1 and reply is null order by accepted_at`,
    values: [orderRef],
  });
  return rows.map(commandOf);
}

/** Null: not answered yet. Throws where there is no such command: it could never be answered. */
export async function replyOf(client: pg.Pool | pg.PoolClient, commandId: string): Promise<Reply | null> {
  const { rows } = await client.query<{ reply: Reply | null }>({
    name: 'reply_of_command',
    text: 'select reply from commands where id = $1',
    values: [commandId],
  });
  if (rows[0] === undefined) throw new Error(`there is no command ${commandId}`);
  return rows[0].reply;
}

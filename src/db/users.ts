import type { Knex } from 'knex';
import type pg from 'pg';
import { UserModel } from './models/user.ts';
import { hashPassword } from './passwords.ts';
import { newId } from './refs.ts';

export type Role = 'user' | 'merchant' | 'admin';

export interface User {
  readonly id: string;
  readonly name: string;
  readonly email: string;
  readonly role: Role;
  /** Every token names the version it was made for; raising it ends them all. */
  readonly tokenVersion: number;
}

export interface NewUser {
  readonly name: string;
  readonly email: string;
  readonly password: string;
  readonly role: Role;
}

/** One account per e-mail over all roles. Returns null if there is one already. */
export async function createUser(pool: pg.Pool, user: NewUser): Promise<User | null> {
  const { rows } = await pool.query<{ id: string; email: string; token_version: number }>({
    // Of twin registrations the second waits for the first here, then inserts nothing.
    text: `insert into users (id, name, email, password_hash, role) values ($1, $2, $3, $4, $5)
      on conflict (email) do nothing returning id, email, token_version`,
    values: [newId(), user.name, normalEmail(user.email), await hashPassword(user.password), user.role],
  });
  const row = rows[0];
  if (row === undefined) return null;
  return { id: row.id, name: user.name, email: row.email, role: user.role, tokenVersion: row.token_version };
}

/** Also for the login, which alone needs the hash. */
export async function findUserByEmail(
  knex: Knex,
  email: string,
): Promise<{ user: User; passwordHash: string } | null> {
  const row = await UserModel.query(knex).findOne({ email: normalEmail(email) });
  if (row === undefined) return null;
  const { id, name, role, tokenVersion } = row;
  return { user: { id, name, email: row.email, role, tokenVersion }, passwordHash: row.passwordHash };
}

/**
 * Ends every token that was made before. False: the password has been changed since this version, and
 * whoever asks was let in by the old one.
 */
export async function changePassword(
  pool: pg.Pool,
  { id, tokenVersion }: Pick<User, 'id' | 'tokenVersion'>,
  password: string,
): Promise<boolean> {
  const { rowCount } = await pool.query({
    name: 'change_password',
    text: `update users set password_hash = $3, token_version = token_version + 1
      where id = $1 and token_version = $2`,
    values: [id, tokenVersion, await hashPassword(password)],
  });
  return rowCount === 1;
}

function normalEmail(email: string): string {
  return email.trim().toLowerCase();
}

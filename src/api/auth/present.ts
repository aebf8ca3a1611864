import type { z } from 'zod';
import type { User } from '../../db/users.ts';
import type { account } from './schema.ts';

export function presentAccount({ id, name, email, role }: User): z.input<typeof account> {
  return { id, name, email, role };
}

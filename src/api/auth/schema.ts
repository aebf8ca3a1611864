import { z } from 'zod';
import { passwordFault } from '../../db/passwords.ts';

const NAME_LENGTH_MAX = 200;
const EMAIL_LENGTH_MAX = 254;

/** Trimmed and lower-cased before it is checked, so that one mailbox is one account. */
export const email = z.string().trim().toLowerCase().max(EMAIL_LENGTH_MAX).check(z.email());

export function registerBody({ development }: { development: boolean }) {
  return z
    .strictObject({
      name: z.string().trim().min(1).max(NAME_LENGTH_MAX),
      email,
      password: z.string().superRefine((password, context) => {
        const fault = passwordFault(password, { development });
        if (fault !== null) context.addIssue({ code: 'custom', message: `The password is ${fault}` });
      }),
      role: z.enum(['user', 'merchant', 'admin']).default('user'),
    })
    .meta({
      id: 'Registration',
      example: { name: 'Jane Doe', email: 'jane@mystore.com', password: 'secret', role: 'merchant' },
    });
}

export const loginBody = z
  .strictObject({ email: z.string().max(EMAIL_LENGTH_MAX), password: z.string() })
  .meta({ id: 'Login', example: { email: 'jane@mystore.com', password: 'secret' } });

export const account = z
  .strictObject({
    id: z.uuid(),
    name: z.string(),
    email: z.string(),
    role: z.enum(['user', 'merchant', 'admin']),
  })
  .meta({ id: 'Account' });

export const accessToken = z
  .strictObject({ access_token: z.string(), token_type: z.literal('bearer') })
  .meta({ id: 'AccessToken' });

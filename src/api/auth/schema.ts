import { z } from 'zod';
import { passwordFault } from '../../db/passwords.ts';

const NAME_LENGTH_MAX = 200;
const EMAIL_LENGTH_MAX = 254;

/** Trimmed and lower-cased before it is checked, so that one mailbox is one account. */
export const email = z.string().trim().toLowerCase().max(EMAIL_LENGTH_MAX).check(z.email());

/** How strict depends on the mode, see `passwordFault`. */
interface Mode {
  readonly development: boolean;
}

function newPassword(mode: Mode, { mayBeEmpty = false } = {}) {
  return z.string().superRefine((password, context) => {
    if (mayBeEmpty && password === '') return;
    const fault = passwordFault(password, mode);
    if (fault !== null) context.addIssue({ code: 'custom', message: `The password is ${fault}` });
  });
}

export function registerBody(mode: Mode) {
  return z
    .strictObject({
      name: z.string().trim().min(1).max(NAME_LENGTH_MAX),
      email,
      password: newPassword(mode),
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

const OAUTH_TEXT_LENGTH_MAX = 255;
const oauthText = z.string().max(OAUTH_TEXT_LENGTH_MAX).optional();

/** What clients of OAuth 2's password form send along changes nothing. */
export const loginForm = z
  .strictObject({
    username: z.string().max(EMAIL_LENGTH_MAX).meta({ description: 'The e-mail address.' }),
    password: z.string(),
    grant_type: z.enum(['password', '']).optional(),
    scope: oauthText,
    client_id: oauthText,
    client_secret: oauthText,
  })
  .meta({ id: 'LoginForm', example: { username: 'jane@mystore.com', password: 'secret' } });

/** One that is missing or empty is a 400 of its own. */
export function passwordChange(mode: Mode) {
  return z
    .strictObject({
      current_password: z.string().nullish(),
      new_password: newPassword(mode, { mayBeEmpty: true }).nullish(),
    })
    .meta({
      id: 'PasswordChange',
      example: { current_password: 'secret', new_password: 'correct horse' },
    });
}

export const message = z.strictObject({ message: z.string() }).meta({ id: 'Message' });

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

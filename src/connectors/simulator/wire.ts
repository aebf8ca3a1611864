import { z } from 'zod';
import { type Abandonment, DECLINE_REASONS, type Lookup, type VoidOutcome } from '../../domain/outcome.ts';

/** What the bank's answers must look like; whatever does not is `unknown` to us, never a guess. */

const reference = z.string().min(1);

const approved = z.object({ type: z.literal('approved'), reference });
const declined = z.object({
  type: z.literal('declined'),
  reason: z.enum(DECLINE_REASONS),
  reference: reference.nullable(),
});
const pending = z.object({ type: z.literal('pending'), reference });
const requiresAction = z
  .object({
    type: z.literal('requires_action'),
    reference,
    action: z.object({
      type: z.enum(['redirect', 'upi_intent', 'otp']),
      url: z.url({ protocol: /^https?$/ }),
      intent_url: z.url({ protocol: /^upi$/ }).nullable(),
      expires_at: z.iso.datetime(),
    }),
  })
  .transform((outcome) => ({
    type: outcome.type,
    reference: outcome.reference,
    action: {
      type: outcome.action.type,
      url: outcome.action.url,
      intentUrl: outcome.action.intent_url,
      expiresAt: Date.parse(outcome.action.expires_at),
    },
  }));
const alreadyCaptured = z.object({
  type: z.literal('already_captured'),
  amount: z.number().int().positive(),
});

const outcome = z.discriminatedUnion('type', [approved, declined, pending, requiresAction]);

export const outcomeAnswer = z.object({ outcome });
export const voidAnswer = z.object({
  outcome: z.union([outcome, alreadyCaptured]),
}) satisfies z.ZodType<{ outcome: VoidOutcome }>;
export const lookupAnswer = z.object({
  outcome: z.union([outcome, z.object({ type: z.literal('not_found') })]),
}) satisfies z.ZodType<{ outcome: Lookup }>;

export const abandonAnswer = z.discriminatedUnion('type', [
  z.object({ type: z.literal('abandoned') }),
  z.object({ type: z.literal('not_yet') }),
  z.object({
    type: z.literal('happened'),
    outcome: z.discriminatedUnion('type', [approved, declined]),
  }),
]) satisfies z.ZodType<Abandonment>;

export const tokenAnswer = z.object({
  token: z.string().min(1),
  last4: z.string().regex(/^\d{4}$/),
  network: z.string().min(1),
});

export const callbackBody = z.object({ id: z.string().min(1), key: z.string().min(1) });

import type { Acceptance } from '../db/accept.ts';
import type { OrderLabel } from '../db/orders.ts';
import type { Reply } from '../domain/commands.ts';
import { PayflowError, type Reason } from '../domain/errors.ts';
import type { OrderEngine } from '../temporal/orders.ts';
import type { ApiContext } from './context.ts';
import { REPLAYED } from './middleware/idempotency.ts';

const RETRY_AFTER_SECONDS = 2;

/** Before a command is accepted: once it is, an engine that is away is no reason to refuse any more. */
export function refuseWithoutEngine(engine: OrderEngine): void {
  if (!engine.available()) {
    throw new PayflowError('unavailable', { retryAfterSeconds: RETRY_AFTER_SECONDS });
  }
}

type Granted = Extract<Reply, { ok: true }>;

export interface Answer {
  /** null: accepted, and not answered in time. */
  readonly reply: Granted | null;
  /** Somebody asked the same before. */
  readonly replayed: boolean;
}

/** The reply of what became of a request, whoever carried it out; a refusal is thrown. */
export async function answerCommand(
  { engine, ctx }: { engine: OrderEngine; ctx: ApiContext },
  label: OrderLabel,
  acceptance: Acceptance,
): Promise<Answer> {
  const replayed = acceptance.type === 'replay' || acceptance.type === 'running';
  const reply = await replyTo(engine, label, acceptance);
  if (reply !== null && replayed) ctx.set(REPLAYED);
  if (reply !== null && !reply.ok) throw refusal(reply.reason, reply.text);
  return { reply, replayed };
}

async function replyTo(
  engine: OrderEngine,
  label: OrderLabel,
  acceptance: Acceptance,
): Promise<Reply | null> {
  switch (acceptance.type) {
    case 'accepted':
      return engine.submit(label, acceptance.command);
    case 'replay':
      return acceptance.reply;
    case 'running': {
      const reply = await engine.join(acceptance.commandId);
      if (reply !== null) return reply;
      throw new PayflowError('idempotency_key_in_use', { retryAfterSeconds: RETRY_AFTER_SECONDS });
    }
    case 'mismatch':
      throw new PayflowError('idempotency_key_reused');
    case 'refused':
      throw refusal(acceptance.refusal.reason, acceptance.refusal.text ?? null);
  }
}

function refusal(reason: Reason, text: string | null): PayflowError {
  return new PayflowError(reason, text === null ? {} : { text });
}

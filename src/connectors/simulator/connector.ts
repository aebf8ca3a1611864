import { createHmac, timingSafeEqual } from 'node:crypto';
import type { z } from 'zod';
import { PayflowError } from '../../domain/errors.ts';
import type { Unknown } from '../../domain/outcome.ts';
import type { CardData } from '../../domain/card.ts';
import type { AuthorizeRequest, Callback, CallOptions, Connector } from '../connector.ts';
import { createExchange, type Exchange, NoAnswer } from './exchange.ts';
import { abandonAnswer, callbackBody, lookupAnswer, outcomeAnswer, tokenAnswer, voidAnswer } from './wire.ts';

export interface SimulatorOptions {
  readonly url: string;
  readonly apiKey: string;
  readonly callbackSecret: string;
}

/** The simulated bank keeps keys for ever; this is what real ones promise at least. */
const KEY_MEMORY_MS = 7 * 24 * 60 * 60 * 1000;
const FAST_PATH_MS = 800;

/** The adapter to the simulated acquirer. `close` breaks off what is still running. */
export function createSimulatorConnector(options: SimulatorOptions): Connector & { close(): Promise<void> } {
  const exchange = createExchange(options);
  const post = async <T>(
    path: string,
    body: unknown,
    answer: z.ZodType<{ outcome: T }>,
    call: CallOptions,
  ) => {
    const result = await orUnknown(exchange.send({ method: 'POST', path, body, answer }, call));
    return 'outcome' in result ? result.outcome : result;
  };
  return {
    name: 'simulator',
    capabilities: { abandon: true, keyMemoryMs: KEY_MEMORY_MS, fastPathMs: FAST_PATH_MS },
    tokenizeCard: (card, call) => tokenizeCard(exchange, card, call),
    authorize: (request, call) => post('/authorizations', authorizeBody(request), outcomeAnswer, call),
    capture: (request, call) => post('/captures', stepBody(request), outcomeAnswer, call),
    void: (request, call) => post('/voids', stepBody({ ...request, amount: undefined }), voidAnswer, call),
    refund: (request, call) => post('/refunds', stepBody(request), outcomeAnswer, call),
    fetch: async (key, call) => {
      const path = `/operations/${encodeURIComponent(key)}`;
      const result = await orUnknown(exchange.send({ method: 'GET', path, answer: lookupAnswer }, call));
      return 'outcome' in result ? result.outcome : result;
    },
    abandon: (key, call) =>
      orUnknown(
        exchange.send({ method: 'POST', path: '/abandon', body: { key }, answer: abandonAnswer }, call),
      ),
    parseCallback: (rawBody, headers) => parseCallback(rawBody, headers, options.callbackSecret),
    close: () => exchange.close(),
  };
}

/** Also for a 4xx: a bank that does not take our call has not said what became of the key. */
async function orUnknown<T>(answer: Promise<T>): Promise<T | Unknown> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof NoAnswer) return { type: 'unknown', cause: error.message };
    throw error;
  }
}

async function tokenizeCard(exchange: Exchange, card: CardData, call: CallOptions) {
  const body = {
    number: card.number,
    expiry_month: card.expiryMonth,
    expiry_year: card.expiryYear,
    cvv: card.cvv,
    name: card.name,
  };
  try {
    return await exchange.send({ method: 'POST', path: '/tokens', body, answer: tokenAnswer }, call);
  } catch (error) {
    // Tokenising moves no money: here the caller can be told to try again.
    const refused = error instanceof NoAnswer && error.status === REFUSED_CARD;
    throw new PayflowError(refused ? 'invalid_request' : 'bank_unavailable', { cause: error });
  }
}

const REFUSED_CARD = 422;

function authorizeBody(request: AuthorizeRequest) {
  const { vpa, cardToken, bankCode, wallet, otp } = request.instrument;
  return {
    key: request.key,
    order_ref: request.orderRef,
    amount: request.amount,
    currency: request.currency,
    method: request.method,
    instrument: { vpa, card_token: cardToken, bank_code: bankCode, wallet, otp },
    return_url: request.returnUrl,
  };
}

interface Step {
  readonly key: string;
  readonly orderRef: string;
  readonly reference: string;
  readonly amount: number | undefined;
  readonly currency: string;
}

function stepBody({ key, orderRef, reference, amount, currency }: Step) {
  return { key, order_ref: orderRef, reference, amount, currency };
}

function parseCallback(
  rawBody: string,
  headers: Readonly<Record<string, string | undefined>>,
  secret: string,
): Callback | null {
  const given = Buffer.from(headers['x-bank-signature'] ?? '', 'utf8');
  const right = Buffer.from(createHmac('sha256', secret).update(rawBody).digest('hex'), 'utf8');
  if (given.length !== right.length || !timingSafeEqual(given, right)) return null;
  const parsed = callbackBody.safeParse(parseJson(rawBody));
  return parsed.success ? { eventId: parsed.data.id, key: parsed.data.key } : null;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

import type { Knex } from 'knex';
import type pg from 'pg';
import type { Logger } from 'pino';
import type { CardData, CardToken } from '../domain/card.ts';
import type { OrderEngine } from '../temporal/orders.ts';
import type { ApiKeys } from './middleware/key-cache.ts';
import type { Limits } from './middleware/rate-limit.ts';

/** All that the API is given, as plain values and functions; `src/composition.ts` builds it. */
export interface ApiDeps {
  /** For named plain SQL. */
  readonly pool: pg.Pool;
  /** For Objection and transactions of several statements. */
  readonly knex: Knex;
  readonly log: Logger;
  readonly apiKeys: ApiKeys;
  readonly engine: OrderEngine;
  readonly limits: Limits;
  /** Epoch ms. */
  readonly clock: () => number;
  readonly config: {
    readonly development: boolean;
    /** How many entries of X-Forwarded-For, from its end, were written by proxies of the operator's. */
    readonly proxyHops: number;
    readonly apiUrl: string;
    /** Where people are sent: the page behind a QR code. */
    readonly frontendUrl: string;
    readonly secretKey: string;
    readonly accessTokenMinutes: number;
    /** How long an authorization may stay uncaptured. */
    readonly captureWindowMs: number;
  };
  /** The only way of a card out of this process: into the bank's vault. Rejects with `bank_unavailable`. */
  readonly tokenizeCard: (card: CardData) => Promise<CardToken>;
  /** A callback of the bank, or null where its signature is wrong. */
  readonly parseCallback: (
    rawBody: string,
    headers: Readonly<Record<string, string | undefined>>,
  ) => { readonly eventId: string; readonly key: string } | null;
  readonly webhookSecretOf: (endpoint: { readonly id: string; readonly secretVersion: number }) => string;
  /** Rejects with `invalid_webhook_url`, naming the field, if we would not post there. */
  readonly checkWebhookTarget: (url: string, field: string) => Promise<void>;
  /** Sees to it that a sample is on its way to its endpoint; repeating it starts nothing more. */
  readonly startSample: (sample: {
    readonly id: string;
    readonly eventType: string;
    readonly url: string;
  }) => Promise<void>;
  /** What GET /ready asks, by name; false or a rejection means not ready. */
  readonly readiness: Readonly<Record<string, () => Promise<boolean>>>;
}

import { createHmac, randomBytes } from 'node:crypto';
import type { Pool } from 'pg';
import { type CardBehaviour, cardBehaviour, cardNetwork } from './magic.ts';

export interface CardData {
  readonly number: string;
  readonly expiryMonth: number;
  readonly expiryYear: number;
}

export interface VaultCard {
  readonly behaviour: CardBehaviour;
  readonly expiresAt: Date;
}

const TOKEN_BYTES = 16;

/** Puts a card into the vault. Of its number only what `card_tokens` has columns for is kept. */
export async function storeCard(
  pool: Pool,
  card: CardData,
  fingerprintKey: string,
): Promise<{ token: string; last4: string; network: string }> {
  const token = `tok_${randomBytes(TOKEN_BYTES).toString('hex')}`;
  const last4 = card.number.slice(-4);
  const network = cardNetwork(card.number);
  const fingerprint = createHmac('sha256', fingerprintKey).update(card.number).digest('hex');
  await insertCard(pool, [
    token,
    fingerprint,
    last4,
    network,
    // A card is good to the end of its month.
    new Date(Date.UTC(card.expiryYear, card.expiryMonth, 1)),
    cardBehaviour(card.number),
  ]);
  return { token, last4, network };
}

async function insertCard(pool: Pool, values: unknown[]): Promise<void> {
  await pool.query({
    name: 'insert_card',
    text: `insert into card_tokens (token, fingerprint, last4, network, expires_at, behaviour)
      values ($1, $2, $3, $4, $5, $6)`,
    values,
  });
}

export async function findCard(pool: Pool, token: string): Promise<VaultCard | null> {
  const { rows } = await pool.query<VaultCard>({
    name: 'find_card',
    text: `select behaviour, expires_at as "expiresAt" from card_tokens where token = $1`,
    values: [token],
  });
  return rows[0] ?? null;
}

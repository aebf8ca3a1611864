import type { Knex } from 'knex';
import { UniqueViolationError } from 'objection';
import type pg from 'pg';
import { PayflowError } from '../domain/errors.ts';
import { DEFAULT_SUBSCRIPTION } from '../domain/events.ts';
import { MerchantModel } from './models/merchant.ts';
import { newId, newQrToken } from './refs.ts';

/** Told to every process whenever a key or its merchant changes, see `listenForKeyChanges`. */
export const KEY_CHANGES = 'api_keys';

export interface Merchant {
  readonly id: string;
  readonly userId: string;
  readonly businessName: string;
  readonly businessEmail: string;
  readonly website: string | null;
  readonly qrToken: string;
  readonly isActive: boolean;
  readonly isVerified: boolean;
  readonly createdAt: string;
  /** The primary webhook endpoint: there is always one, with or without a URL. */
  readonly endpoint: { readonly id: string; readonly url: string | null; readonly secretVersion: number };
}

export interface NewMerchant {
  readonly userId: string;
  readonly businessName: string;
  readonly businessEmail: string;
  readonly website: string | null;
  readonly webhookUrl: string | null;
}

export interface MerchantChanges {
  readonly businessName?: string | undefined;
  readonly website?: string | null | undefined;
  readonly webhookUrl?: string | null | undefined;
}

/** Throws `merchant_exists` or `business_email_taken`; the unique indexes decide among twins. */
export async function createMerchant(knex: Knex, merchant: NewMerchant): Promise<Merchant> {
  const id = newId();
  const { userId, businessName, businessEmail, website, webhookUrl } = merchant;
  try {
    await knex.transaction(async (trx) => {
      await MerchantModel.query(trx).insert({
        id,
        userId,
        businessName,
        businessEmail,
        website,
        qrToken: newQrToken(),
      });
      await trx('webhook_endpoints').insert({
        id: newId(),
        merchant_id: id,
        is_primary: true,
        url: webhookUrl,
        events: [...DEFAULT_SUBSCRIPTION],
      });
      await trx('merchant_sequences').insert({ merchant_id: id, last_sequence: 0 });
    });
  } catch (error) {
    throw refusalOf(error) ?? error;
  }
  return oneMerchant(knex, { 'merchants.id': id });
}

function refusalOf(error: unknown): PayflowError | null {
  if (!(error instanceof UniqueViolationError)) return null;
  if (error.constraint === 'merchants_user_id_key') return new PayflowError('merchant_exists');
  if (error.constraint === 'merchants_business_email_key') {
    return new PayflowError('business_email_taken', { field: 'business_email' });
  }
  return null;
}

export async function findMerchantOfUser(knex: Knex, userId: string): Promise<Merchant | null> {
  return findMerchant(knex, { 'merchants.user_id': userId });
}

export async function updateMerchant(
  knex: Knex,
  merchantId: string,
  { businessName, website, webhookUrl }: MerchantChanges,
): Promise<Merchant> {
  await knex.transaction(async (trx) => {
    const profile = {
      ...(businessName === undefined ? {} : { businessName }),
      ...(website === undefined ? {} : { website }),
    };
    if (Object.keys(profile).length > 0) {
      await MerchantModel.query(trx).patch(profile).where({ id: merchantId });
    }
    if (webhookUrl !== undefined) {
      // A new address is a new chance, also for an endpoint that answered 410.
      await trx('webhook_endpoints')
        .where({ merchant_id: merchantId, is_primary: true })
        .update({ url: webhookUrl, is_active: true, disabled_reason: null });
    }
  });
  return oneMerchant(knex, { 'merchants.id': merchantId });
}

/** The token before is dead at once: nothing remembers it. */
export async function replaceQrToken(knex: Knex, merchantId: string): Promise<Merchant> {
  await MerchantModel.query(knex).patch({ qrToken: newQrToken() }).where({ id: merchantId });
  return oneMerchant(knex, { 'merchants.id': merchantId });
}

/** What a stranger may know of a merchant. */
export type Payee = Pick<Merchant, 'id' | 'businessName' | 'isActive' | 'isVerified'>;

/** Who is paid by a QR code; a suspended merchant is nobody. */
export async function findPayeeByQr(pool: pg.Pool, qrToken: string): Promise<Payee | null> {
  const { rows } = await pool.query<Payee>({
    name: 'find_payee_by_qr',
    text: `select id, business_name as "businessName", is_active as "isActive", is_verified as "isVerified"
      from merchants where qr_token = $1 and is_active`,
    values: [qrToken],
  });
  return rows[0] ?? null;
}

/** Suspends or reinstates; every process hears of it. False if there is no such merchant. */
export async function setMerchantActive(
  pool: pg.Pool,
  { merchantId, active }: { merchantId: string; active: boolean },
): Promise<boolean> {
  const { rowCount } = await pool.query({
    text: `with changed as (update merchants set is_active = $2 where id = $1 returning id)
      select pg_notify($3, 'merchant:' || id) from changed`,
    values: [merchantId, active, KEY_CHANGES],
  });
  return rowCount === 1;
}

async function oneMerchant(knex: Knex, where: Record<string, string>): Promise<Merchant> {
  const merchant = await findMerchant(knex, where);
  if (merchant === null) throw new Error('a merchant that was just written is gone');
  return merchant;
}

async function findMerchant(knex: Knex, where: Record<string, string>): Promise<Merchant | null> {
  const row = await MerchantModel.query(knex)
    .join('webhook_endpoints as e', (on) =>
      on.on('e.merchant_id', 'merchants.id').andOnVal('e.is_primary', true),
    )
    .select('merchants.*', 'e.id as endpoint_id', 'e.url as webhook_url', 'e.secret_version')
    .findOne(where);
  if (row?.endpointId === undefined || row.secretVersion === undefined) return null;
  const { id, userId, businessName, businessEmail, website, qrToken, isActive, isVerified, createdAt } = row;
  return {
    id,
    userId,
    businessName,
    businessEmail,
    website,
    qrToken,
    isActive,
    isVerified,
    createdAt,
    endpoint: { id: row.endpointId, url: row.webhookUrl ?? null, secretVersion: row.secretVersion },
  };
}

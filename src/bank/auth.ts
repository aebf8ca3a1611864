import { createHash, timingSafeEqual } from 'node:crypto';
import type { Context } from 'koa';
import { BankRefusal } from './refusal.ts';

/** Compared as hashes: equal lengths, and the time says nothing about the key. */
export function checkApiKey(ctx: Context, apiKey: string): void {
  const given = ctx.get('authorization').replace(/^Bearer /i, '');
  if (!timingSafeEqual(sha256(given), sha256(apiKey))) throw new BankRefusal(401, 'wrong_api_key');
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

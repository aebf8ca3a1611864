/**
 * The simulated acquirer: a process and a database of its own, so that it keeps its word whatever
 * happens to its callers. Settings: config.ts. What the test values do: magic.ts.
 *
 * JSON over HTTP, `Authorization: Bearer <BANK_API_KEY>`, times in ISO 8601, amounts in minor units.
 * Every `key` is the caller's and has one effect for ever: the same call again, also at the same
 * moment, gets the same answer, another call under it 422. A `reference` names an authorization.
 *
 *   POST /tokens          {number, expiry_month, expiry_year, cvv, name?} → 201 {token, last4, network}
 *   POST /authorizations  {key, order_ref, amount, currency, method, instrument: {vpa? card_token?
 *                         bank_code? wallet? otp?}, return_url} → {outcome}
 *   POST /captures        {key, order_ref, reference, amount, currency} → {outcome}
 *   POST /voids           {key, order_ref, reference, currency} → {outcome}
 *   POST /refunds         {key, order_ref, reference, amount, currency} → {outcome}
 *   POST /refunds/<key>/settle  {outcome: processed | declined} → {outcome}, or 409 if none is pending
 *   GET  /operations/<key>      → {outcome}, of type `not_found` for a key never used
 *   POST /abandon         {key} → {type: abandoned | not_yet} | {type: happened, outcome}
 *   GET  /journal?after=<id>&limit=  → [{id, at, kind, key, order_ref, amount, currency}], ascending
 *   GET  /accounts        → [{currency, held, captured, refunded, balance}]
 *   GET | POST | DELETE /faults      see faults.ts; in memory, gone after a restart
 *   GET  /health          → {status: ok}, without the API key
 *
 * An outcome is {type: approved | pending, reference}, {type: declined, reason, reference},
 * {type: requires_action, reference, action: {type, url, intent_url, expires_at}}, or for a void
 * {type: already_captured, amount}. A key in a path is URL-encoded.
 *
 *   GET  /pages/<token>                    the bank's page for the payer; no JavaScript, no API key
 *   POST /pages/<token>/approve, /decline  its forms (otp?) → 303 to return_url
 *   POST /pages/<reference>/approve, /decline  {otp?} → {outcome}; instead of a payer, with the API key
 *
 * What ends is told to BANK_CALLBACK_URL as {id, key, kind, outcome, at}, with the header
 * `X-Bank-Signature` = hex HMAC-SHA256 of the raw body, again with growing waits until a 2xx.
 */
import { startBank } from './bank.ts';
import { bankConfigOfThisProcess } from './config.ts';

/** After this nobody is waited for. */
const EXIT_MS = 1_900;

const bank = await startBank(bankConfigOfThisProcess());
process.stdout.write(`bank listening on ${bank.url}\n`);

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => {
    setTimeout(() => process.exit(0), EXIT_MS).unref();
    void bank.close().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  });
}

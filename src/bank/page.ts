import { createHash } from 'node:crypto';
import { CURRENCIES, formatMoney, money } from '../domain/money.ts';
import type { Operation } from './operations.ts';

const STYLE = `body{font:1.125rem/1.5 system-ui,sans-serif;max-width:28rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}
button,input{font:inherit;padding:.6rem 1rem;border:2px solid #1a1a1a;border-radius:.4rem}
button{margin:.5rem .5rem 0 0;background:#fff;color:#1a1a1a;cursor:pointer}
button.yes{background:#0b5c2d;border-color:#0b5c2d;color:#fff}
label{display:block;font-weight:600}
:focus-visible{outline:3px solid #1d4ed8;outline-offset:2px}
a{color:#1d4ed8}`;

// No `form-action`: browsers apply it to the redirect too, and that leads to the merchant's side.
const POLICY = `default-src 'none'; base-uri 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`;

/** The page's address is its password: it must not leak by a referrer or a cache. */
export const PAGE_HEADERS = {
  'Content-Security-Policy': POLICY,
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'Cache-Control': 'no-store',
} as const;

const TITLES = {
  redirect: 'Confirm your payment',
  upi_intent: 'Approve the UPI request',
  otp: 'Enter your one-time code',
} as const;

/** The bank's page for one payment: a question while it waits for the payer, else what became of it. */
export function renderPage(operation: Operation): string {
  const action = operation.actionType ?? 'redirect';
  const heading = operation.state === 'waiting' ? TITLES[action] : 'This payment is closed';
  const body = operation.state === 'waiting' ? question(operation) : ending(operation);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${heading} – PayFlow test bank</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${heading}</h1>
${body}
</main>
</body>
</html>
`;
}

export function renderNoPage(): string {
  return renderClosed('There is no such payment.');
}

function renderClosed(text: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>PayFlow test bank</title><style>${STYLE}</style></head>
<body><main><h1>PayFlow test bank</h1><p>${text}</p></main></body></html>
`;
}

function question(operation: Operation): string {
  const path = escapeHtml(operation.pageToken ?? '');
  const otp =
    operation.actionType === 'otp'
      ? `<label for="otp">One-time code</label>
<input id="otp" name="otp" inputmode="numeric" autocomplete="one-time-code" required aria-describedby="otp-help">
<p id="otp-help">This is a test bank: any four digits or more are right.</p>`
      : '';
  return `<p>Pay <strong>${amountOf(operation)}</strong> for order ${escapeHtml(operation.orderRef ?? '')}?</p>
<p>This is a simulated bank. No real money moves.</p>
<form method="post" action="${path}/approve">
${otp}
<button class="yes" type="submit">Approve</button>
</form>
<form method="post" action="${path}/decline">
<button type="submit">Decline</button>
</form>`;
}

function ending({ state, returnUrl }: Operation): string {
  const text =
    state === 'abandoned'
      ? 'This request was cancelled. No money was taken.'
      : `This payment was ${state === 'approved' ? 'approved' : 'declined'}.`;
  const back =
    returnUrl === null ? '' : `\n<p><a href="${escapeHtml(returnUrl)}">Go back to the shop</a></p>`;
  return `<p role="status">${text}</p>${back}`;
}

function amountOf({ amount, currency }: Operation): string {
  const known = CURRENCIES.find((name) => name === currency);
  return known === undefined ? String(amount) : formatMoney(money(amount, known));
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}

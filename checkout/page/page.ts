import { createHash } from 'node:crypto';
import type { z } from 'zod';
import type { PayableOrder } from '../../src/db/orders.ts';
import { formatMoney, type Currency } from '../../src/domain/money.ts';
import { escapeHtml, page } from '../../src/api/html.ts';
import type { payment } from '../../src/api/payments/schema.ts';

type Payment = z.input<typeof payment>;

interface View {
  readonly order: PayableOrder;
  /** Neither expired nor past its time. */
  readonly isOpen: boolean;
  /** Newest first. */
  readonly payments: readonly Payment[];
  /** The payer comes back from the bank's page: the result is on its way. */
  readonly fromBank: boolean;
  /** A new one for each page: what is submitted twice from one page is one pay. */
  readonly key: string;
}

const STYLE = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 30rem; padding: 1.5rem 1rem 3rem; }
h1 { font-size: 1.25rem; margin: 0; }
.amount { font-size: 2rem; font-weight: 700; margin: 0 0 1rem; }
fieldset { border: 1px solid #8886; border-radius: .5rem; margin: 0 0 1rem; padding: .75rem 1rem 1rem; }
legend { font-weight: 600; padding: 0 .35rem; }
label { display: block; margin-top: .5rem; }
input, button, .button { box-sizing: border-box; font: inherit; min-height: 2.75rem; padding: .5rem .75rem; width: 100%; }
input { border: 1px solid #888; border-radius: .375rem; }
button, .button { background: #4338ca; border: 0; border-radius: .375rem; color: #fff; cursor: pointer; display: block;
  font-weight: 600; margin-top: .75rem; text-align: center; text-decoration: none; }
:focus-visible { outline: 3px solid #f59e0b; outline-offset: 2px; }
.notice { border-left: .3rem solid; border-radius: .25rem; margin: 0 0 1rem; padding: .5rem .75rem; }
.good { border-color: #15803d; } .bad { border-color: #b91c1c; } .wait { border-color: #b45309; }
.row { display: grid; gap: .75rem; grid-template-columns: 1fr 1fr; }
footer { font-size: .875rem; margin-top: 2rem; opacity: .8; }
`;
const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');

/** No script and nothing from elsewhere. No `form-action`: browsers apply it to the redirect to the bank too. */
export const CHECKOUT_POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${STYLE_HASH}'`,
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Seconds until a page that waits for the bank looks again. */
const LOOK_AGAIN_SECONDS = 3;

export function checkoutPage(view: View): string {
  const { order } = view;
  const money = moneyOf(order);
  const refresh = looksAgain(view) ? `<meta http-equiv="refresh" content="${LOOK_AGAIN_SECONDS}">` : '';
  return page({
    title: `Pay ${money} to ${order.business_name}`,
    head: `${refresh}<style>${STYLE}</style>`,
    body: `<main>
<h1>${escapeHtml(order.business_name)}</h1>
<p class="amount">${money}</p>
${standing(view)}
<footer>Secured by PayFlow. Order ${order.order_ref}</footer>
</main>`,
  });
}

/** A page that waits for the bank looks again by itself; one with a form never does. */
function looksAgain({ payments: [latest], fromBank }: View): boolean {
  return isInDoubt(latest) || (fromBank && latest?.phase === 'awaiting_customer');
}

function moneyOf({ amount, currency }: PayableOrder): string {
  return formatMoney({ amount, currency: currency as Currency });
}

interface Refused {
  readonly faults: readonly string[];
  /** Whether it is certain that this step has taken no money. */
  readonly untouched: boolean;
  /** The path of the payment page, where there is one. */
  readonly back: string | null;
}

export function errorPage({ faults, untouched, back }: Refused): string {
  const link =
    back === null ? '' : `<a class="button" href="${escapeHtml(back)}">Back to the payment page</a>`;
  const charged = untouched
    ? 'You have not been charged by this step.'
    : 'Do not pay again before you have looked at the payment page: it shows the result.';
  return page({
    title: faults[0] ?? 'Not possible',
    head: `<style>${STYLE}</style>`,
    body: `<main>
<h1>Not possible</h1>
${faults.map((fault) => notice('bad', 'alert', escapeHtml(fault))).join('')}
<p>${charged}</p>${link}</main>`,
  });
}

/** Where the order stands, in the payer's words, and what can be done. */
function standing(view: View): string {
  const { payments } = view;
  const latest = payments[0];
  const paid = payments.find(({ phase }) => phase === 'captured' || phase === 'refunded');
  if (paid !== undefined) return paidNotice(paid);
  if (isInDoubt(latest)) {
    return notice(
      'wait',
      'status',
      'Waiting for the bank to confirm. Do not pay again: this page shows the result.',
    );
  }
  if (latest?.phase === 'authorized' || latest?.phase === 'in_review') {
    return notice(
      'good',
      'status',
      `Your payment was accepted. Reference <strong>${latest.payment_ref}</strong>`,
    );
  }
  if (!view.isOpen) {
    return notice(
      'bad',
      'alert',
      `This order has expired. ${notCharged(payments)} Ask the shop for a new one.`,
    );
  }
  if (latest?.phase === 'awaiting_customer') return awaiting(latest, view);
  return (latest === undefined ? '' : failure(latest, payments)) + form(view);
}

/** Only the bank knows, and it has not said. */
function isInDoubt(payment: Payment | undefined): boolean {
  return payment?.phase === 'unknown' || payment?.phase === 'submitted';
}

/** "Not charged" is said only when that is true of every try. */
function notCharged(payments: readonly Payment[]): string {
  return payments.some(isInDoubt)
    ? 'An earlier try is still being checked at the bank; if it took money, it is given back.'
    : 'You have not been charged.';
}

function failure(latest: Payment, payments: readonly Payment[]): string {
  const why = escapeHtml(latest.error_description ?? 'The payment failed');
  return notice('bad', 'alert', `${why}. ${notCharged(payments)} Try again, or another way to pay.`);
}

function paidNotice(paid: Payment): string {
  return notice('good', 'status', `Paid. Reference <strong>${paid.payment_ref}</strong>.${givenBack(paid)}`);
}

function givenBack({ refund_status: refunded, amount_refunded: amount, currency }: Payment): string {
  if (refunded === null) return '';
  if (refunded === 'full') return ' The money has been given back.';
  return ` ${formatMoney({ amount, currency })} of it has been given back.`;
}

function awaiting({ next_action: action }: Payment, view: View): string {
  if (action === null) return '';
  const link = `<a class="button" href="${escapeHtml(action.url)}">Go on at your bank</a>`;
  if (view.fromBank) return notice('wait', 'status', `Waiting for your bank to confirm.${link}`);
  return notice('wait', 'status', `This payment waits for you at your bank.${link}`) + form(view);
}

function notice(kind: 'good' | 'bad' | 'wait', role: 'alert' | 'status', html: string): string {
  return `<div class="notice ${kind}" role="${role}">${html}</div>`;
}

/** One form per method, each with a button of its own: nothing has to be hidden or shown. */
function form(view: View): string {
  return [
    methodForm(
      view,
      'upi',
      'UPI',
      `${input('vpa', 'UPI ID', 'autocomplete="off" placeholder="name@bank" required')}`,
    ),
    methodForm(
      view,
      'card',
      'Card',
      `${input('card_number', 'Card number', 'inputmode="numeric" autocomplete="cc-number" required')}
<div class="row">${input('card_expiry', 'Expiry (MM/YY)', 'inputmode="numeric" autocomplete="cc-exp" required')}
${input('card_cvv', 'Security code', 'inputmode="numeric" autocomplete="cc-csc" required')}</div>
${input('card_name', 'Name on the card', 'autocomplete="cc-name"')}`,
    ),
    methodForm(
      view,
      'netbanking',
      'Net banking',
      input('bank_code', 'Bank code (empty: choose at the bank)', ''),
    ),
    methodForm(
      view,
      'wallet',
      'Wallet',
      `${input('contact', 'Phone number', 'inputmode="tel" autocomplete="tel"')}
${input('otp', 'One-time code (empty: we send one)', 'inputmode="numeric" autocomplete="one-time-code"')}`,
    ),
  ].join('\n');

  function input(name: string, label: string, attributes: string): string {
    return `<label>${label}<input type="text" name="${name}" ${attributes}></label>`;
  }
}

function methodForm({ order, key }: View, method: string, title: string, fields: string): string {
  return `<form method="post" action="/pay/${order.order_ref}">
<fieldset><legend>${title}</legend>
<input type="hidden" name="method" value="${method}">
<input type="hidden" name="idempotency_key" value="${key}-${method}">
${fields}
<button>Pay with ${title}</button>
</fieldset></form>`;
}

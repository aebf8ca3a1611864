import { setMerchantActive } from '../../db/merchants.ts';
import type { OrderLabel } from '../../db/orders.ts';
import { registerMerchant } from '../../testing/api.ts';
import { startGateway, type Gateway } from '../../testing/gateway.ts';

let gateway: Gateway;
beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.close());
afterEach(() => gateway.lab.bank.faults(null));

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

const visit = async (path: string) => {
  const { status, headers, body } = await gateway.api.call('GET', path);
  return { status, headers, html: String(body) };
};

/** What a browser without JavaScript sends. */
const submit = async (orderRef: string, fields: Record<string, string>) => {
  const body = new URLSearchParams(fields).toString();
  const {
    status,
    headers,
    body: answer,
  } = await gateway.api.call('POST', `/pay/${orderRef}`, { body, headers: FORM });
  return { status, headers, html: String(answer) };
};

/** The fields of one of the page's forms, as they are before anything is typed. */
function formOf(html: string, method: string): Record<string, string> {
  const form = html.split('<form ').find((part) => part.includes(`name="method" value="${method}"`)) ?? '';
  const inputs = [...form.matchAll(/<input [^>]*name="(\w+)"(?:[^>]*value="([^"]*)")?/g)];
  return Object.fromEntries(inputs.map(([, name = '', value = '']) => [name, value]));
}

async function openPage(orderRef: string, method: string): Promise<Record<string, string>> {
  return formOf((await visit(`/pay/${orderRef}`)).html, method);
}

async function payByForm(orderRef: string, fields: Record<string, string>) {
  return submit(orderRef, { ...(await openPage(orderRef, fields['method'] ?? 'upi')), ...fields });
}

const UPI = { method: 'upi', vpa: 'success@payflow' };
const CARD = { method: 'card', card_number: '4111 1111 1111 1111', card_expiry: '12/40', card_cvv: '123' };
const hasForm = (html: string) => html.includes('<form');
const textOf = (html: string) =>
  html
    .replace(/<style>.*?<\/style>/s, '')
    .replace(/<[^>]+>/g, ' ')
    .replace(/\s+/g, ' ');

describe('GET /pay/{order_ref}', () => {
  test('an order that can be paid: who, how much, and a form for each method', async () => {
    const orderRef = await gateway.order({ amount: 12_345_600 });
    const { status, headers, html } = await visit(`/pay/${orderRef}`);
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('text/html; charset=utf-8');
    expect(headers['cache-control']).toBe('no-store');
    expect(html).toContain('<html lang="en">');
    expect(html).toContain('<title>Pay ₹1,23,456.00 to Jane&#39;s Store</title>');
    expect(textOf(html)).toContain('Secured by PayFlow');
    for (const method of ['upi', 'card', 'netbanking', 'wallet']) {
      expect(Object.keys(formOf(html, method))).toEqual(
        expect.arrayContaining(['method', 'idempotency_key']),
      );
    }
  });

  test.each([
    ['USD', '$499.00'],
    ['EUR', '€499.00'],
  ])('the currency is the order’s: %s', async (currency, money) => {
    expect(textOf((await visit(`/pay/${await gateway.order({ currency })}`)).html)).toContain(money);
  });

  test('nothing on it is a script or comes from elsewhere, and its policy says so', async () => {
    const { headers, html } = await visit(`/pay/${await gateway.order()}`);
    const policy = String(headers['content-security-policy']);
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("base-uri 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/unsafe|\*|https?:/);
    expect(headers['referrer-policy']).toBe('no-referrer');
    expect(headers['x-content-type-options']).toBe('nosniff');
    expect(html).not.toMatch(/<script|\son\w+=|src=|href="http|style="/i);
  });

  test('each field has its label, each group its name, each method its own button', async () => {
    const { html } = await visit(`/pay/${await gateway.order()}`);
    const typed = [...html.matchAll(/<input type="text"/g)];
    const labelled = [...html.matchAll(/<label>([^<]{3,})<input type="text"/g)];
    expect(labelled).toHaveLength(typed.length);
    expect([...html.matchAll(/<fieldset><legend>/g)]).toHaveLength(4);
    expect(new Set([...html.matchAll(/<button>([^<]+)</g)].map(([, text]) => text)).size).toBe(4);
    expect(html).toContain('autocomplete="cc-number"');
    expect(html).toContain('<h1>');
  });

  test('a hostile business name is only a name', async () => {
    const merchant = await registerMerchant(gateway.api);
    const name = `</h1><script>alert(1)</script><img src=x onerror=alert(1)>"'&amp;`;
    await gateway.api.call('PATCH', '/merchants/me', { auth: merchant.token, body: { business_name: name } });
    const order = await gateway.api.call('POST', '/v1/orders', { auth: merchant.key, body: { amount: 5 } });
    const { html } = await visit(`/pay/${String(order.body['order_ref'])}`);
    expect(html).not.toMatch(/<script|<img|<\/h1><|"'&amp;[^a]/);
    expect(html.match(/&lt;script&gt;alert\(1\)&lt;\/script&gt;/g)).toHaveLength(2);
    expect(html).toContain('&quot;&#39;&amp;amp;');
  });

  test.each(['pf_order_00000000000000000000', '%3Cscript%3E', 'nonsense'])(
    'the order %s → a page that says so',
    async (ref) => {
      const { status, headers, html } = await visit(`/pay/${ref}`);
      expect(status).toBe(404);
      expect(headers['content-type']).toContain('text/html');
      expect(headers['content-security-policy']).toContain("default-src 'none'");
      expect(textOf(html)).toContain('Order not found');
      expect(html).not.toMatch(/<script|<a /i);
    },
  );

  test('a suspended merchant takes no money', async () => {
    const merchant = await registerMerchant(gateway.api);
    const order = await gateway.api.call('POST', '/v1/orders', { auth: merchant.key, body: { amount: 5 } });
    await setMerchantActive(gateway.lab.pool, { merchantId: merchant.merchantId, active: false });
    const { status, html } = await visit(`/pay/${String(order.body['order_ref'])}`);
    expect(status).toBe(403);
    expect(hasForm(html)).toBe(false);
  });

  test('an order past its time cannot be paid, whether it knows or not', async () => {
    const order = await gateway.lab.createOrder({ expiresAt: Date.now() + 200 });
    await new Promise((resolve) => setTimeout(resolve, 250));
    const look = async () => {
      const { html } = await visit(`/pay/${order.orderRef}`);
      expect(textOf(html)).toContain('This order has expired. You have not been charged.');
      expect(hasForm(html)).toBe(false);
    };
    await look();
    await gateway.lab.closed(order);
    await look();
    const refused = await submit(order.orderRef, { ...UPI, idempotency_key: 'late' });
    expect(refused.status).toBe(400);
    expect(textOf(refused.html)).toContain('Order has expired');
  });

  test('an authorized payment is good news for the payer', async () => {
    const orderRef = await gateway.order({ payment_capture: 'manual' });
    await payByForm(orderRef, UPI);
    const { html } = await visit(`/pay/${orderRef}`);
    expect(textOf(html)).toContain('Your payment was accepted');
    expect(hasForm(html)).toBe(false);
  });

  test('a refund is shown, a part of it too', async () => {
    const orderRef = await gateway.order();
    const { body } = await gateway.pay(orderRef, UPI);
    const path = `/v1/payments/${String(body['payment_ref'])}/refund`;
    await gateway.call('POST', path, { body: { amount: 1_000 } });
    expect(textOf((await visit(`/pay/${orderRef}`)).html)).toContain('₹10.00 of it has been given back.');
    await gateway.call('POST', path);
    expect(textOf((await visit(`/pay/${orderRef}`)).html)).toContain('The money has been given back.');
  });
});

describe('the form', () => {
  test('paid → 303 back to the page, which shows the reference and no form, also after a reload', async () => {
    const orderRef = await gateway.order();
    const { status, headers, html } = await payByForm(orderRef, UPI);
    expect({ status, location: headers['location'], html }).toEqual({
      status: 303,
      location: `/pay/${orderRef}`,
      html: '',
    });
    for (let reload = 0; reload < 2; reload += 1) {
      const page = await visit(`/pay/${orderRef}`);
      expect(page.html).toMatch(/role="status">Paid\. Reference <strong>pf_pay_[0-9a-f]{20}/);
      expect(hasForm(page.html)).toBe(false);
    }
  });

  test('fields that are left empty are none', async () => {
    const orderRef = await gateway.order();
    await payByForm(orderRef, { method: 'netbanking', bank_code: '' });
    const { body } = await gateway.call('GET', `/v1/orders/${orderRef}/payments`);
    expect(body[0]?.['phase']).toBe('awaiting_customer');
  });

  test('a decline → the page says why and that nothing was taken, and offers another try', async () => {
    const orderRef = await gateway.order();
    expect((await payByForm(orderRef, { method: 'upi', vpa: 'insufficient@payflow' })).status).toBe(303);
    const { html } = await visit(`/pay/${orderRef}`);
    expect(html).toContain('role="alert"');
    expect(textOf(html)).toContain('The account has too little money. You have not been charged.');
    expect(hasForm(html)).toBe(true);
    await payByForm(orderRef, UPI);
    expect(textOf((await visit(`/pay/${orderRef}`)).html)).toContain('Paid.');
  });

  test('submitted twice at once, and once more after that → one charge, each time back to the page', async () => {
    const orderRef = await gateway.order();
    const fields = { ...(await openPage(orderRef, 'card')), ...CARD };
    const answers = await Promise.all(Array.from({ length: 5 }, () => submit(orderRef, fields)));
    answers.push(await submit(orderRef, fields));
    expect(new Set(answers.map(({ status, headers }) => `${status} ${String(headers['location'])}`))).toEqual(
      new Set([`303 /pay/${orderRef}`]),
    );
    expect(await gateway.moves(orderRef)).toEqual(['authorize', 'capture']);
  });

  test('each page has a key of its own, each method of it another', async () => {
    const orderRef = await gateway.order();
    const keys = [];
    for (const method of ['upi', 'card', 'upi'])
      keys.push((await openPage(orderRef, method))['idempotency_key']);
    expect(new Set(keys).size).toBe(3);
  });

  test('a card that asks for more → 303 to the bank, and the page leads there too', async () => {
    const orderRef = await gateway.order();
    const { status, headers } = await payByForm(orderRef, { ...CARD, card_number: '4000002760003184' });
    expect(status).toBe(303);
    expect(headers['location']).toMatch(/^http:\/\/localhost:\d+\/pages\//);
    const { html } = await visit(`/pay/${orderRef}`);
    expect(html).toContain(`href="${String(headers['location'])}"`);
    expect(textOf(html)).toContain('This payment waits for you at your bank.');
    expect(hasForm(html)).toBe(true);
  });

  test('an outcome that is not known → the page waits, offers nothing, looks again, then shows it', async () => {
    const orderRef = await gateway.order();
    await payByForm(orderRef, { method: 'upi', vpa: 'timeout@payflow' });
    const { html } = await visit(`/pay/${orderRef}`);
    expect(textOf(html)).toContain('Waiting for the bank to confirm. Do not pay again');
    expect(html).toContain('http-equiv="refresh"');
    expect(hasForm(html)).toBe(false);
    await gateway.lab.reaches({ orderRef } as OrderLabel, 'captured');
    expect((await visit(`/pay/${orderRef}`)).html).not.toContain('refresh');
  });

  test('a later failure does not say "not charged" while an earlier try is in doubt', async () => {
    await gateway.lab.bank.faults({ late_success_ms: 30_000 });
    const orderRef = await gateway.order();
    await payByForm(orderRef, { method: 'upi', vpa: 'late@payflow' });
    await gateway.lab.reaches({ orderRef } as OrderLabel, 'abandoning');
    await gateway.pay(orderRef, { method: 'upi', vpa: 'failure@payflow' });
    const text = textOf((await visit(`/pay/${orderRef}`)).html);
    expect(text).toContain('An earlier try is still being checked at the bank');
    expect(text).not.toContain('You have not been charged');
  });
});

describe('errors', () => {
  test.each([
    ['Not a valid card number', 422, { ...CARD, card_number: '4111111111111112' }],
    ['Not a valid security code for this card', 422, { method: 'card' }],
    ['UPI ID is missing', 422, { method: 'upi' }],
    ['UPI ID: Must not hold a card number', 422, { method: 'upi', vpa: '4111111111111111' }],
    ['Unsupported payment method', 400, { method: 'cash' }],
    ['Invalid string', 422, { ...UPI, idempotency_key: 'a b' }],
    ['Text must not contain the NUL character', 400, { ...UPI, vpa: 'a\u0000b' }],
    ['The body is larger than 64 kB', 413, { ...UPI, vpa: 'x'.repeat(70_000) }],
  ] as const)('"%s" (%d) as a page for people, with a way back', async (words, status, fields) => {
    const orderRef = await gateway.order();
    const answer = await submit(orderRef, fields);
    expect(answer.status).toBe(status);
    expect(answer.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(answer.headers['content-security-policy']).toContain("default-src 'none'");
    expect(textOf(answer.html)).toContain(words);
    expect(textOf(answer.html)).toContain('You have not been charged by this step.');
    expect(answer.html).toContain(`href="/pay/${orderRef}"`);
    expect(answer.html).not.toMatch(/411111|<script/);
  });

  test('as JSON for programs, whatever they say they accept', async () => {
    const orderRef = await gateway.order();
    const { status, headers, body } = await gateway.pay(orderRef, { method: 'upi' }, { accept: 'text/html' });
    expect(status).toBe(422);
    expect(headers['content-type']).toBe('application/json; charset=utf-8');
    expect(body['error']?.['field']).toBe('vpa');
  });

  test('a paid order → so the page', async () => {
    const orderRef = await gateway.order();
    const fields = await openPage(orderRef, 'upi');
    await gateway.pay(orderRef, UPI);
    const { status, html } = await submit(orderRef, { ...fields, vpa: 'other@bank' });
    expect(status).toBe(400);
    expect(textOf(html)).toContain('Order already paid');
  });

  test('a try beside one in doubt → 409, and nothing is promised about the money', async () => {
    await gateway.lab.bank.faults({ down: true });
    const orderRef = await gateway.order();
    const fields = await openPage(orderRef, 'upi');
    await gateway.pay(orderRef, UPI);
    const { status, html } = await submit(orderRef, { ...fields, vpa: 'other@bank' });
    expect(status).toBe(409);
    expect(textOf(html)).toContain('A payment for this order is in progress');
    expect(textOf(html)).not.toContain('not been charged');
    expect(textOf(html)).toContain('Do not pay again');
  });

  test('the bank cannot take cards → 503 with Retry-After, as a page', async () => {
    await gateway.lab.bank.faults({ down: true });
    const { status, headers, html } = await submit(await gateway.order(), CARD);
    expect(status).toBe(503);
    expect(headers['retry-after']).toBe('2');
    expect(textOf(html)).toContain('The bank cannot be reached');
  });

  test('an unknown order → a page without a way back', async () => {
    const { status, html } = await submit('pf_order_00000000000000000000', UPI);
    expect(status).toBe(404);
    expect(html).not.toContain('<a ');
  });
});

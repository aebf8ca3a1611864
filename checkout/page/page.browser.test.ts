import type { Browser, Page } from 'playwright-core';
import { startBrowser } from '../../src/testing/browser.ts';
import { call, registerMerchant, type MerchantAccount } from '../../src/testing/e2e/http.ts';
import { startStack, type TestStack } from '../../src/testing/processes.ts';

/** The payment page as a payer without JavaScript meets it, in a real browser over the real processes. */

let stack: TestStack;
let browser: Browser;
let merchant: MerchantAccount;
let page: Page;

beforeAll(async () => {
  [stack, browser] = await Promise.all([startStack(), startBrowser()]);
  merchant = await registerMerchant(stack.urls.api, 'http://127.0.0.1:9/nobody');
}, 120_000);
afterAll(async () => {
  await browser.close();
  await stack.stop();
}, 30_000);
beforeEach(async () => {
  const context = await browser.newContext({ javaScriptEnabled: false });
  page = await context.newPage();
});
afterEach(() => page.context().close());

async function open(): Promise<string> {
  const { body } = await call(stack.urls.api, 'POST', '/v1/orders', {
    auth: merchant.key,
    body: { amount: 49_900 },
  });
  await page.goto(body['checkout_url'] as string);
  return body['order_ref'] as string;
}

const shown = () => page.locator('main').innerText();

test('pays by UPI → the page shows the reference, also after a reload', async () => {
  await open();
  expect(await page.title()).toBe("Pay ₹499.00 to Jane's Store");
  await page.getByLabel('UPI ID').fill('success@payflow');
  await page.getByRole('button', { name: 'Pay with UPI' }).click();
  expect(await page.getByRole('status').innerText()).toMatch(/Paid\. Reference pf_pay_[0-9a-f]{20}/);
  await page.reload();
  expect(await shown()).toContain('Paid. Reference');
});

test('pays by card', async () => {
  await open();
  await page.getByLabel('Card number').fill('4111 1111 1111 1111');
  await page.getByLabel('Expiry (MM/YY)').fill('12 / 30');
  await page.getByLabel('Security code').fill('123');
  await page.getByRole('button', { name: 'Pay with Card' }).click();
  expect(await shown()).toContain('Paid. Reference');
});

test('a decline → why, that nothing was taken, and another try that pays', async () => {
  await open();
  await page.getByLabel('UPI ID').fill('insufficient@payflow');
  await page.getByRole('button', { name: 'Pay with UPI' }).click();
  expect(await page.getByRole('alert').innerText()).toContain('You have not been charged');
  await page.getByLabel('UPI ID').fill('success@payflow');
  await page.getByRole('button', { name: 'Pay with UPI' }).click();
  expect(await shown()).toContain('Paid. Reference');
});

test("netbanking goes to the bank's page and comes back paid", async () => {
  const ref = await open();
  await page.getByRole('button', { name: 'Pay with Net banking' }).click();
  expect(new URL(page.url()).origin).toBe(new URL(stack.urls.bank).origin);
  await page.getByRole('button', { name: /approve/i }).click();
  expect(page.url()).toBe(`${stack.urls.api}/pay/${ref}?from=bank`);
  // Nobody reloads it: the page looks again by itself until the bank has told us.
  await page.getByText('Paid. Reference').waitFor({ timeout: 20_000 });
});

test('a card number that is wrong → said in words, with a way back', async () => {
  await open();
  await page.getByLabel('Card number').fill('4111 1111 1111 1112');
  await page.getByLabel('Expiry (MM/YY)').fill('12 / 30');
  await page.getByLabel('Security code').fill('123');
  await page.getByRole('button', { name: 'Pay with Card' }).click();
  expect(await page.getByRole('alert').innerText()).toBe('Not a valid card number');
  await page.getByRole('link', { name: 'Back to the payment page' }).click();
  expect(await page.getByLabel('UPI ID').isVisible()).toBe(true);
});

test('works at 320 px without scrolling sideways', async () => {
  await page.setViewportSize({ width: 320, height: 640 });
  await open();
  const { width } = (await page.locator('html').boundingBox()) ?? { width: 0 };
  expect(width).toBeLessThanOrEqual(320);
});

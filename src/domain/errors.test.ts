import { ERRORS, PayflowError, type Reason } from './errors.ts';
import { DECLINE_REASONS } from './outcome.ts';

const REASONS = Object.keys(ERRORS) as Reason[];

/** Refusals by status; what is not named here is a payment that ended without money, answered with 200. */
const BY_STATUS: Record<number, string> = {
  401: 'invalid_api_credentials invalid_credentials invalid_signature not_authenticated wrong_password',
  403: 'admin_required forbidden insufficient_scope merchant_inactive role_not_allowed',
  404: 'api_key_not_found delivery_not_found merchant_not_found not_found order_not_found payment_not_found qr_code_not_found transaction_not_found webhook_not_found',
  405: 'method_not_allowed',
  409: 'command_in_progress idempotency_key_in_use payment_in_progress',
  413: 'body_too_large',
  415: 'unsupported_media_type',
  422: 'idempotency_key_reused invalid_request',
  429: 'too_many_requests',
  500: 'internal_error',
  503: 'bank_unavailable unavailable',
};

test.each(Object.entries(BY_STATUS))('status %s is for %s', (status, reasons) => {
  const found = REASONS.filter((reason) => ERRORS[reason].status === Number(status));
  expect(found.toSorted().join(' ')).toBe(reasons);
});

test('every other refusal is a 400, and every decline a 200', () => {
  const named = new Set(Object.values(BY_STATUS).flatMap((reasons) => reasons.split(' ')));
  for (const reason of REASONS.filter((one) => !named.has(one))) {
    const { status, code } = ERRORS[reason];
    expect([reason, status]).toEqual([reason, code === 'GATEWAY_ERROR' ? 200 : 400]);
  }
});

test('every entry says whose turn it is, in words that end without a dot and leak no name of ours', () => {
  for (const [reason, { code, source, step, text }] of Object.entries(ERRORS)) {
    expect(reason).toMatch(/^[a-z_]+$/);
    expect(['BAD_REQUEST_ERROR', 'GATEWAY_ERROR', 'SERVER_ERROR']).toContain(code);
    expect(['customer', 'business', 'internal', 'gateway', 'issuer_bank', 'network']).toContain(source);
    expect(step).toMatch(/^(payment_(initiation|authentication|authorization|capture)|refund)$/);
    expect(text.length).toBeGreaterThan(5);
    expect(text).not.toMatch(/undefined|temporal|postgres|workflow/i);
  }
});

test('faults of ours are 5xx and nothing else is', () => {
  for (const { code, status } of Object.values(ERRORS)) expect(code === 'SERVER_ERROR').toBe(status >= 500);
});

test('every reason for which a bank declines is in the catalogue, as a decline', () => {
  for (const reason of DECLINE_REASONS)
    expect(ERRORS[reason]).toMatchObject({ status: 200, code: 'GATEWAY_ERROR' });
});

test.each([
  ['amount_not_positive', 'Amount must be greater than 0 paise'],
  ['unsupported_currency', 'Unsupported currency. Use INR, USD, or EUR'],
  ['order_already_paid', 'Order already paid'],
  ['order_expired', 'Order has expired'],
  ['invalid_api_credentials', 'Invalid API credentials'],
  ['merchant_inactive', 'Merchant account inactive or not found'],
  ['email_taken', 'Email already registered'],
] as const)("%s keeps the guide's text", (reason, text) => {
  expect(ERRORS[reason].text).toBe(text);
});

describe('a thrown refusal', () => {
  test("has the catalogue's text unless it knows better, and carries its field and its cause", () => {
    const plain = new PayflowError('order_not_found');
    expect(plain).toMatchObject({
      name: 'PayflowError',
      message: 'Order not found',
      reason: 'order_not_found',
    });
    expect(plain).toMatchObject({ field: null, retryAfterSeconds: null });
    const cause = new Error('why');
    const rich = new PayflowError('unavailable', {
      text: 'Later',
      field: 'amount',
      retryAfterSeconds: 2,
      cause,
    });
    expect(rich).toMatchObject({ message: 'Later', field: 'amount', retryAfterSeconds: 2, cause });
    expect(rich).toBeInstanceOf(Error);
  });
});

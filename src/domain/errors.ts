/**
 * The one catalogue of reasons: what went wrong, whose turn it is, and the HTTP status that says so.
 * `GET /docs/errors` and `doc_url` are made from it.
 */

export type ErrorCode = 'BAD_REQUEST_ERROR' | 'GATEWAY_ERROR' | 'SERVER_ERROR';
export type ErrorSource = 'customer' | 'business' | 'internal' | 'gateway' | 'issuer_bank' | 'network';
export type ErrorStep =
  | 'payment_initiation'
  | 'payment_authentication'
  | 'payment_authorization'
  | 'payment_capture'
  | 'refund';

interface Entry {
  readonly status: number;
  readonly code: ErrorCode;
  readonly source: ErrorSource;
  readonly step: ErrorStep;
  /** The `detail` where no better text is given. */
  readonly text: string;
}

const business = (status: number, text: string, step: ErrorStep = 'payment_initiation'): Entry => ({
  status,
  code: 'BAD_REQUEST_ERROR',
  source: 'business',
  step,
  text,
});
const customer = (status: number, text: string, step: ErrorStep = 'payment_initiation'): Entry => ({
  ...business(status, text, step),
  source: 'customer',
});
/** Why a payment ended without money: never an HTTP status of its own, the pay itself is answered with 200. */
const decline = (source: ErrorSource, step: ErrorStep, text: string): Entry => ({
  status: 200,
  code: 'GATEWAY_ERROR',
  source,
  step,
  text,
});
const server = (status: number, source: ErrorSource, text: string): Entry => ({
  status,
  code: 'SERVER_ERROR',
  source,
  step: 'payment_initiation',
  text,
});

export const ERRORS = {
  // The request itself.
  invalid_request: business(422, 'The request does not have the expected shape'),
  malformed_json: business(400, 'The body is not valid JSON'),
  nul_character: business(400, 'Text must not contain the NUL character'),
  lone_surrogate: business(400, 'Text must not contain a lone surrogate'),
  too_deep: business(400, 'The JSON is nested too deeply'),
  body_too_large: business(413, 'The body is larger than 64 kB'),
  unsupported_media_type: business(415, 'Send the body as application/json'),
  not_found: business(404, 'Not found'),
  method_not_allowed: business(405, 'Method not allowed'),
  invalid_cursor: business(400, 'The cursor names nothing in this list'),
  invalid_idempotency_key: business(400, 'Idempotency-Key must be 1 to 255 visible ASCII characters'),
  idempotency_key_reused: business(422, 'This Idempotency-Key was used with another request'),
  idempotency_key_in_use: business(409, 'The request with this Idempotency-Key is still running'),
  // Who is asking.
  not_authenticated: business(401, 'Not authenticated'),
  invalid_api_credentials: business(401, 'Invalid API credentials'),
  invalid_credentials: business(401, 'Invalid credentials'),
  wrong_password: business(401, 'Current password is incorrect'),
  invalid_signature: business(401, 'The signature of the callback is wrong'),
  merchant_inactive: business(403, 'Merchant account inactive or not found'),
  insufficient_scope: business(403, 'This API key may not do that'),
  forbidden: business(403, 'Only merchant or admin accounts can access this resource'),
  admin_required: business(403, 'Admin access required'),
  role_not_allowed: business(403, 'Accounts with role admin are made with the command line only'),
  too_many_requests: business(429, 'Too many requests'),
  // Accounts and merchants.
  passwords_missing: business(400, 'Both current_password and new_password are required'),
  email_taken: business(400, 'Email already registered'),
  merchant_exists: business(400, 'Merchant profile already exists'),
  business_email_taken: business(400, 'Business email already registered'),
  merchant_not_found: business(404, 'Merchant profile not found. Register first.'),
  qr_code_not_found: customer(404, 'Invalid or inactive QR code'),
  api_key_not_found: business(404, 'API key not found'),
  api_key_not_rollable: business(400, 'This API key is revoked, has expired, or was rolled before'),
  invalid_webhook_url: business(400, 'The webhook URL must be https and lead to a public address'),
  webhook_not_found: business(404, 'Webhook endpoint not found'),
  too_many_webhooks: business(400, 'There are as many webhook endpoints as a merchant may have'),
  delivery_not_found: business(404, 'Delivery not found'),
  webhook_inactive: business(400, 'The webhook endpoint of this delivery is switched off'),
  rotation_in_progress: business(
    400,
    'The secret before still signs; wait until then, or switch at once with overlap_hours 0',
  ),
  // Orders.
  amount_not_positive: business(400, 'Amount must be greater than 0 paise'),
  unsupported_currency: business(400, 'Unsupported currency. Use INR, USD, or EUR'),
  order_not_found: business(404, 'Order not found'),
  order_already_paid: customer(400, 'Order already paid'),
  order_expired: customer(400, 'Order has expired'),
  order_ref_mismatch: business(400, 'order_ref does not match the order being paid'),
  unsupported_method: business(400, 'Unsupported payment method. Use upi, card, netbanking, or wallet'),
  too_many_payments: customer(400, 'This order has been tried too often'),
  payment_in_progress: customer(409, 'A payment for this order is in progress'),
  // Payments and refunds.
  invalid_transaction_id: business(400, 'Invalid transaction id'),
  transaction_not_found: business(404, 'Transaction not found'),
  payment_not_found: business(404, 'Payment not found'),
  cannot_capture: business(400, "Cannot capture payment in status '…'", 'payment_capture'),
  cannot_void: business(400, "Cannot void payment in status '…'", 'payment_capture'),
  cannot_refund: business(400, "Cannot refund payment with status '…'", 'refund'),
  cannot_review: business(400, 'This payment is not waiting for a review', 'payment_authorization'),
  cannot_repair: business(400, 'There is nothing to repair about this payment', 'payment_authorization'),
  capture_exceeds_authorization: business(
    400,
    'Capture amount exceeds the authorized amount',
    'payment_capture',
  ),
  refund_exceeds_refundable: business(400, 'Refund amount exceeds refundable amount', 'refund'),
  capture_declined: business(400, 'The bank refused the capture', 'payment_capture'),
  command_in_progress: business(409, 'Another instruction for this order is in progress'),
  // Why a payment failed.
  payment_declined: decline('issuer_bank', 'payment_authorization', 'The bank declined the payment'),
  insufficient_funds: decline('issuer_bank', 'payment_authorization', 'The account has too little money'),
  card_expired: decline('customer', 'payment_authorization', 'The card has expired'),
  incorrect_cvv: decline('customer', 'payment_authentication', 'The security code of the card is wrong'),
  payment_cancelled: decline('customer', 'payment_authentication', 'The payer cancelled the payment'),
  payment_timed_out: decline('customer', 'payment_authentication', 'The payer did not finish in time'),
  authorization_voided: decline('issuer_bank', 'payment_capture', 'The authorization had been released'),
  authorization_abandoned: decline('gateway', 'payment_authorization', 'The payment was given up'),
  amount_exceeds_authorization: decline('issuer_bank', 'payment_capture', 'More than was authorized'),
  account_not_found: decline('issuer_bank', 'payment_authorization', 'The bank does not know the account'),
  refund_declined: decline('issuer_bank', 'refund', 'The bank refused the refund'),
  blocked_by_fraud_rules: decline('business', 'payment_authorization', 'The payment was blocked'),
  review_rejected: decline('business', 'payment_authorization', 'The payment was rejected in review'),
  review_timed_out: decline('business', 'payment_authorization', 'Nobody reviewed the payment in time'),
  voided_by_merchant: decline('business', 'payment_capture', 'The merchant released the payment'),
  capture_deadline_passed: decline('business', 'payment_capture', 'The payment was not captured in time'),
  order_cancelled: decline('business', 'payment_capture', 'The order was cancelled'),
  superseded: decline('gateway', 'payment_capture', 'The order had been paid by another payment'),
  confirmed_failed: decline('gateway', 'payment_authorization', 'An operator confirmed the failure'),
  // Our side.
  bank_unavailable: server(503, 'gateway', 'The bank cannot be reached; try again shortly'),
  unavailable: server(503, 'internal', 'Temporarily unavailable; try again shortly'),
  internal_error: server(500, 'internal', 'Something went wrong on our side'),
} as const satisfies Record<string, Entry>;

export type Reason = keyof typeof ERRORS;

/** A refusal of ours, thrown. What the bank answered is a value (`Outcome`) and never one of these. */
export class PayflowError extends Error {
  readonly reason: Reason;
  readonly field: string | null;
  readonly retryAfterSeconds: number | null;

  constructor(
    reason: Reason,
    options: { text?: string; field?: string; retryAfterSeconds?: number; cause?: unknown } = {},
  ) {
    super(options.text ?? ERRORS[reason].text, { cause: options.cause });
    this.name = 'PayflowError';
    this.reason = reason;
    this.field = options.field ?? null;
    this.retryAfterSeconds = options.retryAfterSeconds ?? null;
  }
}

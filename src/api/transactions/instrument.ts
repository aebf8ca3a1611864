import type { User } from '../../db/users.ts';
import { PayflowError } from '../../domain/errors.ts';
import type { PayBody } from '../checkout/schema.ts';
import { LEGACY_METHODS, type TransactionBody } from './schema.ts';

/** A card of the test values. Its expiry stands still, as repeats are compared with the first request. */
const TEST_CARD = { card_number: '4111111111111111', card_expiry: '12/40', card_cvv: '123' };

/**
 * What a transaction is paid with. The legacy API names a method and no more, so in development mode the
 * simulated bank's test values stand in where nothing else is given; in production that is refused like
 * on the payment page. The address tells the fraud rules one sender from another.
 */
export function payOf(
  body: TransactionBody,
  { sender, development }: { sender: User; development: boolean },
): PayBody {
  const { amount: _amount, payment_method: _method, idempotency_key: _key, ...given } = body;
  const method = methodOf(body.payment_method);
  const isNamed = Object.values(given).some((value) => value !== undefined && value !== null);
  const standIn = isNamed || !development ? {} : testValues(method, sender);
  return {
    email: sender.email,
    contact: undefined,
    wallet: undefined,
    otp: undefined,
    ...given,
    ...standIn,
    method,
  };
}

function testValues(method: (typeof LEGACY_METHODS)[number], sender: User) {
  switch (method) {
    case 'upi':
      return { vpa: `${sender.id}@payflow` };
    case 'card':
      return TEST_CARD;
    case 'netbanking':
      return { bank_code: 'SUCC' };
  }
}

function methodOf(text: string) {
  const method = LEGACY_METHODS.find((known) => known === text.toLowerCase());
  if (method === undefined) {
    throw new PayflowError('unsupported_method', {
      field: 'payment_method',
      text: 'Unsupported payment method. Use upi, card, or netbanking',
    });
  }
  return method;
}

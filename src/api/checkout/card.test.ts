import { InvalidRequest } from '../middleware/invalid-request.ts';
import { checkCard, createCardFingerprint, holdsCardNumber } from './card.ts';

const VISA = '4111111111111111';
const GOOD = { card_number: VISA, card_expiry: '12/40', card_cvv: '123', card_name: ' Jane Doe ' };

/** The fields that are refused. */
function wrong(typed: object): string[] {
  try {
    checkCard({ ...GOOD, ...typed });
    return [];
  } catch (error) {
    if (!(error instanceof InvalidRequest)) throw error;
    return error.details.map(({ loc }) => String(loc[1]));
  }
}

test('a good card → digits, numbers, a trimmed name', () => {
  expect(checkCard({ ...GOOD, card_number: '4111 1111-1111 1111', card_expiry: '12 / 40' })).toEqual({
    number: VISA,
    expiryMonth: 12,
    expiryYear: 2040,
    cvv: '123',
    name: 'Jane Doe',
  });
});

test.each([
  ['a wrong check digit', '4111111111111112'],
  ['a digit too few', '411111111111111'],
  ['no network', '0000000000000000'],
  ['a letter', '41111111111111a1'],
  ['wide digits', '４１１１１１１１１１１１１１１１'],
  ['nothing', ''],
  ['no field', undefined],
  ['null', null],
])('a number with %s is refused', (...[, card_number]) => {
  expect(wrong({ card_number })).toContain('card_number');
});

test.each(['12/40', '12 / 40', '12/2040', '1240', '01/41'])('the expiry %s is taken', (card_expiry) => {
  expect(wrong({ card_expiry })).toEqual([]);
});

test.each(['01/20', '13/40', '00/40', '12', '', 'xx/yy', '12/99', undefined])(
  'the expiry %p is refused',
  (card_expiry) => {
    expect(wrong({ card_expiry })).toEqual(['card_expiry']);
  },
);

test('the card is good until the end of its month', () => {
  const now = new Date();
  const text = (date: Date) => `${String(date.getMonth() + 1).padStart(2, '0')}/${date.getFullYear()}`;
  expect(wrong({ card_expiry: text(now) })).toEqual([]);
  expect(wrong({ card_expiry: text(new Date(now.getFullYear(), now.getMonth() - 1, 1)) })).toEqual([
    'card_expiry',
  ]);
});

test.each(['', '12', '1234', 'abc', '12 ', undefined])('the security code %p is refused', (card_cvv) => {
  expect(wrong({ card_cvv })).toEqual(['card_cvv']);
});

test('an Amex card has four digits of security code', () => {
  expect(wrong({ card_number: '378282246310005', card_cvv: '123' })).toEqual(['card_cvv']);
  expect(wrong({ card_number: '378282246310005', card_cvv: '1234' })).toEqual([]);
});

test('all that is wrong is said at once, and none of it is repeated', () => {
  const typed = { card_number: '4111111111111112', card_expiry: '01/20', card_cvv: '99' };
  expect(wrong(typed)).toEqual(['card_number', 'card_expiry', 'card_cvv']);
  try {
    checkCard(typed);
  } catch (error) {
    const { details, field, message } = error as InvalidRequest;
    const said = JSON.stringify({ details, field, message });
    expect(said).not.toMatch(/4111111111111112|01\/20|"99"/);
  }
});

test.each([
  VISA,
  '4111 1111 1111 1111',
  '4111-1111-1111-1111',
  '4111.1111.1111.1111',
  '4111  1111  1111  1111',
  '4111\u00a01111\u00a01111\u00a01111',
  '４１１１１１１１１１１１１１１１',
  `my card: ${VISA}, thanks`,
  `${VISA}@upi`,
  `+91${VISA}`,
  `0${VISA}99`,
  '378282246310005',
  '6074820000000009',
  '5555555555554444',
  '4000000000000002@payflow',
])('"%s" holds a card number', (text) => {
  expect(holdsCardNumber(text)).toBe(true);
});

test.each([
  '',
  'success@payflow',
  'customer@example.com',
  '9876543210',
  '+91 98765 43210',
  '00919876543210',
  '9876543210@ybl',
  'a1b2c3d4e5f6a7b8@upi',
  '2026-11-24 07:33',
])('"%s" holds none', (text) => {
  expect(holdsCardNumber(text)).toBe(false);
});

test('a card has one fingerprint per installation, and it does not tell the number', () => {
  const [ours, theirs] = [createCardFingerprint('a'.repeat(32)), createCardFingerprint('b'.repeat(32))];
  expect(ours(VISA)).toBe(ours(VISA));
  expect(ours(VISA)).not.toBe(ours('5555555555554444'));
  expect(ours(VISA)).not.toBe(theirs(VISA));
  expect(ours(VISA)).not.toContain('1111');
});

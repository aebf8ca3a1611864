import pino from 'pino';
import { startGateway, type Gateway } from '../../testing/gateway.ts';

/** Where card data must never be, looked for in every place that outlives the request. */

const PAN = '4539578763621486';
const CVV = '8642';
const AMEX = '371449635398431';
const SPACED = '4539 5787 6362 1486';
const PHONE = '+91 98765 01234';
const NAME = 'Xaviera Cardholder';

const lines: string[] = [];
let gateway: Gateway;
beforeAll(async () => {
  gateway = await startGateway({ log: pino({ level: 'trace' }, { write: (line) => void lines.push(line) }) });
});
afterAll(() => gateway.close());

const typed = { method: 'card', card_number: SPACED, card_expiry: '11/41', card_cvv: '864', card_name: NAME };

/** All columns that can hold text and do hold this one, anywhere in it. */
async function columnsWith(text: string): Promise<string[]> {
  const columns = await gateway.sql<{ table: string; column: string }>(
    `select table_name as table, column_name as column from information_schema.columns
     where table_schema = 'public' and (data_type in ('text', 'character varying', 'json', 'jsonb', 'ARRAY', 'bytea'))`,
  );
  expect(columns.length).toBeGreaterThan(50);
  const found: string[] = [];
  for (const { table, column } of columns) {
    const rows = await gateway.sql(
      `select 1 from "${table}" where "${column}"::text like '%' || $1 || '%' limit 1`,
      text,
    );
    if (rows.length > 0) found.push(`${table}.${column}`);
  }
  return found;
}

describe('a card that was paid with', () => {
  let orderRef: string;
  beforeAll(async () => {
    orderRef = await gateway.order();
    const email = 'payer-of-the-card@example.com';
    const { body } = await gateway.pay(orderRef, { ...typed, email, contact: PHONE });
    expect(body).toMatchObject({
      status: 'captured',
      card_number_masked: '************1486',
      card_network: 'Visa',
    });
    const amex = { ...typed, card_number: AMEX, card_cvv: CVV };
    const second = await gateway.pay(await gateway.order(), amex, { 'idempotency-key': 'amex' });
    expect(second.body['card_network']).toBe('Amex');
  });

  test('is in no column of any table; what may be kept is', async () => {
    for (const text of [PAN, SPACED, AMEX, PAN.slice(0, 12), NAME])
      expect(await columnsWith(text)).toEqual([]);
    expect(await columnsWith(`"${CVV}"`)).toEqual([]);
    expect(
      await gateway.sql('select card_last4, card_network from payers where order_ref = $1', orderRef),
    ).toEqual([{ card_last4: '1486', card_network: 'Visa' }]);
    // The search finds what is there.
    expect(await columnsWith('payer-of-the-card@example.com')).toContain('payers.email');
  });

  test('is in no log line, also where everything is logged', async () => {
    const orders = lines.filter((line) => line.includes(orderRef));
    expect(orders.length).toBeGreaterThan(0);
    for (const text of [PAN, SPACED, AMEX, NAME, `"${CVV}"`, PHONE]) {
      expect(lines.filter((line) => line.includes(text))).toEqual([]);
    }
  });

  test("is in no history of the engine, and neither is the payer's address or phone", async () => {
    const history = await readable(orderRef);
    const kept = [PAN, SPACED, NAME, 'example.com', PHONE, '*1486', 'card_token', 'payment.captured'];
    expect(kept.filter((text) => history.includes(text))).toEqual(['payment.captured']);
  });

  test('a twin under the same key is the same by its number, however that and the code are written', async () => {
    const headers = { 'idempotency-key': 'card-1' };
    const ref = await gateway.order();
    const first = await gateway.pay(ref, typed, headers);
    const twin = await gateway.pay(ref, { ...typed, card_number: PAN, card_cvv: '111' }, headers);
    expect(twin.headers['idempotent-replayed']).toBe('true');
    expect(twin.body).toEqual(first.body);
    const other = await gateway.pay(ref, { ...typed, card_number: '4111111111111111' }, headers);
    expect(other.body['error']?.['reason']).toBe('idempotency_key_reused');
  });
});

describe('a card that is refused', () => {
  test.each([
    ['card_number', { card_number: '4539578763621487' }],
    ['card_expiry', { card_expiry: '01/20' }],
    ['card_expiry', { card_expiry: '13/41' }],
    ['card_cvv', { card_cvv: '86' }],
    ['card_cvv', { card_cvv: CVV }],
    ['card_number', { card_number: undefined }],
    ['card_number', { card_number: '4539578763621486'.repeat(3) }],
  ])('%s is named and not repeated: %p', async (field, change) => {
    const orderRef = await gateway.order();
    const { status, body } = await gateway.pay(orderRef, { ...typed, ...change });
    expect(status).toBe(422);
    expect(body['detail']?.[0]?.['loc']).toEqual(['body', field]);
    expect(body['error']?.['field']).toBe(field);
    const text = JSON.stringify(body).replace(String(body['error']?.['request_id']), '');
    expect(text).not.toMatch(/4539|5787|8642|864|11\/41|01\/20|13\/41|Xaviera/);
    expect(await gateway.moves(orderRef)).toEqual([]);
  });

  test.each(['vpa', 'email', 'contact', 'bank_code', 'wallet', 'otp'])(
    'a card number typed into %s is refused before anything is kept',
    async (field) => {
      const orderRef = await gateway.order();
      for (const text of [PAN, SPACED, `${PAN}@bank`, `0${PAN}`]) {
        const { status, body } = await gateway.pay(orderRef, { method: 'upi', vpa: 'a@b', [field]: text });
        expect(status).toBe(422);
        expect(body['error']?.['field']).toBe(field);
        expect(JSON.stringify(body)).not.toContain('4539');
      }
      expect(await gateway.sql('select 1 from payers where order_ref = $1', orderRef)).toEqual([]);
    },
  );

  test('while the bank cannot take cards → 503 with Retry-After, and no try is counted', async () => {
    await gateway.lab.bank.faults({ down: true });
    const orderRef = await gateway.order();
    const { status, headers, body } = await gateway.pay(orderRef, typed);
    await gateway.lab.bank.faults(null);
    expect(status).toBe(503);
    expect(headers['retry-after']).toBe('2');
    expect(body['error']).toMatchObject({ reason: 'bank_unavailable', source: 'gateway' });
    expect(await gateway.sql('select 1 from payers where order_ref = $1', orderRef)).toEqual([]);
    expect((await gateway.pay(orderRef, typed)).body['status']).toBe('captured');
  });
});

/** A run's history with its payloads decoded. */
async function readable(orderRef: string): Promise<string> {
  const history = await gateway.lab.client.workflow.getHandle(orderRef).fetchHistory();
  return JSON.stringify(history, (name, value: unknown) =>
    name === 'data' && typeof value === 'string' ? Buffer.from(value, 'base64').toString('utf8') : value,
  );
}

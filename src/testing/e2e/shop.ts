import type { TestStack } from '../processes.ts';
import { call, type MerchantAccount } from './http.ts';

/** A merchant's orders and their payers, and what the bank says of it afterwards. */
export function openShop({ urls, bankKeys }: TestStack, merchant: MerchantAccount) {
  const bankAuth = { authorization: `Bearer ${bankKeys.apiKey}` };

  const journal = async () => {
    const response = await fetch(`${urls.bank}/journal?after=0&limit=1000`, { headers: bankAuth });
    return (await response.json()) as { kind: string; order_ref: string }[];
  };
  return {
    createOrder: () =>
      call(urls.api, 'POST', '/v1/orders', {
        auth: merchant.key,
        body: { amount: 49_900, currency: 'INR' },
      }),
    async createOrders(count: number): Promise<string[]> {
      const created = await Promise.all(Array.from({ length: count }, () => this.createOrder()));
      return created.map(({ body }) => String(body['order_ref']));
    },
    order: (orderRef: string) => call(urls.api, 'GET', `/v1/orders/${orderRef}`, { auth: merchant.key }),
    pay: (orderRef: string, { key, signal }: { key: string; signal?: AbortSignal }) =>
      call(urls.api, 'POST', `/pay/${orderRef}`, {
        body: { method: 'upi', vpa: 'success@payflow' },
        headers: { 'idempotency-key': key },
        ...(signal === undefined ? {} : { signal }),
      }),
    journal,
    /** What the bank did with money for this order, oldest first. */
    moves: async (orderRef: string) =>
      (await journal()).filter((row) => row.order_ref === orderRef).map(({ kind }) => kind),
    /** Null: none any more. */
    faults: (faults: object | null) =>
      faults === null
        ? call(urls.bank, 'DELETE', '/faults', { headers: bankAuth })
        : call(urls.bank, 'POST', '/faults', { body: faults, headers: bankAuth }),
  };
}

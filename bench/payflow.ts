import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { Pool } from 'undici';
import type { RunFile } from '../src/local/run-file.ts';
import { engineCost } from './engine-cost.ts';
import { startReceiver } from './receiver.ts';
import type { Contender } from './rounds.ts';

export interface PayFlow {
  readonly contender: Contender;
  /** Of all orders that were captured so far. */
  webhooks(): { readonly expected: number; readonly arrived: number };
}

const ORDER = { amount: 49_900, currency: 'INR' };
const WEBHOOKS_PER_ORDER = 2;
const WEBHOOKS_MS_MAX = 30_000;
const POLL_MS = 5;
const CONNECTIONS_MAX = 64;

/** PayFlow as its users meet it: over HTTP, with a bank, with webhooks to one receiver. */
export async function connectPayFlow(run: RunFile, client: Client): Promise<PayFlow> {
  const { demo } = run;
  if (demo === null) throw new Error('PayFlow runs without its demo merchant');
  const receiver = await startReceiver(run);
  const pool = new Pool(run.urls.api, { connections: CONNECTIONS_MAX });
  const call = caller(pool);
  const basic = Buffer.from(`${demo.key_id}:${demo.key_secret}`).toString('base64');
  let payers = 0;
  let captured = 0;
  const webhooks = () => ({ expected: WEBHOOKS_PER_ORDER * captured, arrived: receiver.arrived() });
  return {
    contender: {
      name: 'PayFlow',
      create: async () =>
        String((await call('POST', '/v1/orders', ORDER, { authorization: `Basic ${basic}` }))['order_ref']),
      async pay(orderRef) {
        payers += 1;
        const payer = { method: 'upi', vpa: `payer${payers}@bench` };
        const { status } = await call('POST', `/pay/${orderRef}`, payer);
        if (status !== 'captured') throw new Error(`${orderRef} is ${String(status)}`);
        captured += 1;
      },
      async settled() {
        const areMissing = () => webhooks().arrived < webhooks().expected;
        // Missing ones are no error here: the report counts them.
        for (const giveUpAt = Date.now() + WEBHOOKS_MS_MAX; areMissing(); await sleep(POLL_MS)) {
          if (Date.now() > giveUpAt) return;
        }
      },
      cost: (orderRef) => engineCost(client, orderRef),
    },
    webhooks,
  };
}

/** undici's own request: `fetch` takes seven times the CPU time, which here is taken from PayFlow. */
function caller(pool: Pool) {
  return async (
    method: 'POST',
    path: string,
    body: object,
    headers: Record<string, string> = {},
  ): Promise<Record<string, unknown>> => {
    const response = await pool.request({
      method,
      path,
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
    const text = await response.body.text();
    if (response.statusCode >= 300) throw new Error(`${method} ${path}: ${response.statusCode} ${text}`);
    return JSON.parse(text) as Record<string, unknown>;
  };
}

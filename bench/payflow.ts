import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Client, Connection } from '@temporalio/client';
import type { Contender } from './rounds.ts';

/** What `payflow up` tells scripts in its run.json. */
export interface RunFile {
  readonly urls: { readonly api: string };
  readonly temporal_address: string;
  readonly demo: {
    readonly merchant: { readonly email: string; readonly password: string };
    readonly key_id: string;
    readonly key_secret: string;
  } | null;
}

export interface PayFlow {
  readonly contender: Contender;
  /** Webhooks that have arrived so far. */
  webhooks(): number;
  close(): Promise<void>;
}

const ORDER = { amount: 49_900, currency: 'INR' };

/** PayFlow as its users meet it: over HTTP, with a bank, with webhooks to one receiver. */
export async function connectPayFlow(run: RunFile): Promise<PayFlow> {
  const { demo } = run;
  if (demo === null) throw new Error('PayFlow runs without its demo merchant');
  const receiver = await startReceiver();
  const call = caller(run.urls.api);
  const { access_token: token } = await call('POST', '/auth/login-json', { ...demo.merchant });
  const bearer = { authorization: `Bearer ${String(token)}` };
  await call('PATCH', '/merchants/me', { webhook_url: receiver.url }, bearer);
  const basic = Buffer.from(`${demo.key_id}:${demo.key_secret}`).toString('base64');
  const connection = await Connection.connect({ address: run.temporal_address });
  const client = new Client({ connection });
  let payers = 0;
  return {
    contender: {
      name: 'PayFlow',
      create: async () =>
        String((await call('POST', '/v1/orders', ORDER, { authorization: `Basic ${basic}` }))['order_ref']),
      async pay(orderRef) {
        payers += 1;
        const { status } = await call('POST', `/pay/${orderRef}`, {
          method: 'upi',
          vpa: `payer${payers}@bench`,
        });
        if (status !== 'captured') throw new Error(`${orderRef} is ${String(status)}`);
      },
      async cost(orderRef) {
        const { historyLength, raw } = await client.workflow.getHandle(orderRef).describe();
        const transitions = Number(raw.workflowExecutionInfo?.stateTransitionCount ?? 0);
        return { historyLength, transitions };
      },
    },
    webhooks: receiver.count,
    close: async () => {
      await Promise.all([connection.close(), receiver.close()]);
    },
  };
}

function caller(base: string) {
  return async (
    method: string,
    path: string,
    body: object,
    headers: Record<string, string> = {},
  ): Promise<Record<string, unknown>> => {
    const response = await fetch(base + path, {
      method,
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as Record<string, unknown>;
  };
}

async function startReceiver() {
  let received = 0;
  const server = createServer((request, response) => {
    received += 1;
    request.resume();
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    count: () => received,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

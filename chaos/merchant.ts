import { setTimeout as sleep } from 'node:timers/promises';
import { startReceiver } from '../bench/receiver.ts';
import { askUntilAnswered, type Answer } from './client.ts';
import type { RunFile } from '../src/local/run-file.ts';

/** A command as its client sent it, and what it was told. */
export interface Told {
  readonly orderRef: string;
  readonly path: string;
  readonly body: object;
  readonly credentials?: string;
  readonly key: string;
  readonly answer: Answer;
}

/** One order in the hands of its merchant and its payer. Each command is asked until it is answered. */
export interface Walk {
  readonly orderRef: string;
  readonly told: Told[];
  pay(body: object): Promise<Answer>;
  change(kind: 'capture' | 'void' | 'refund', paymentRef: string, body?: object): Promise<Answer>;
  /** What the payer answers on the bank's page, to which a pay sends them. */
  decide(sent: Answer, answer: 'approve' | 'decline'): Promise<void>;
  /** Waits for the payment that pays the order; its ref. */
  paid(): Promise<string>;
}

export interface Merchant {
  newWalk(order: object): Promise<Walk>;
  /** Different events that have come to it as webhooks. */
  webhooks(): number;
  close(): Promise<void>;
}

const ORDER = { amount: 49_900, currency: 'INR' };

/** The demo merchant, with a server that takes its webhooks. */
export async function connectMerchant(run: RunFile): Promise<Merchant> {
  const { demo, urls } = run;
  if (demo === null) throw new Error('PayFlow runs without its demo merchant');
  const credentials = `${demo.key_id}:${demo.key_secret}`;
  const receiver = await startReceiver(run);
  return {
    async newWalk(order) {
      const asked = {
        method: 'POST',
        path: '/v1/orders',
        body: { ...ORDER, ...order },
        credentials,
      } as const;
      const { status, body } = await askUntilAnswered(urls.api, asked);
      if (status !== 201) throw new Error(`no order: ${status} ${JSON.stringify(body)}`);
      return walkOf(urls.api, String(body['order_ref']), credentials);
    },
    webhooks: receiver.arrived,
    close: receiver.close,
  };
}

let keys = 0;

function walkOf(api: string, orderRef: string, credentials: string): Walk {
  const told: Told[] = [];
  const command = async (sent: Omit<Told, 'orderRef' | 'key' | 'answer'>) => {
    const key = `chaos-${(keys += 1)}-${orderRef}`;
    const answer = await askUntilAnswered(api, { method: 'POST', ...sent, key });
    told.push({ ...sent, orderRef, key, answer });
    return answer;
  };
  return {
    orderRef,
    told,
    pay: (body) => command({ path: `/pay/${orderRef}`, body }),
    change: (kind, paymentRef, body = {}) =>
      command({ path: `/v1/payments/${paymentRef}/${kind}`, body, credentials }),
    paid: () => paymentOf(api, orderRef, credentials),
    async decide(sent, answer) {
      const url = await pageFor(api, String(sent.body['payment_ref']), credentials);
      await askUntilAnswered(url, { method: 'POST', path: `/${answer}` });
    },
  };
}

const WAIT_MS_MAX = 60_000;
const POLL_MS = 100;

/** The bank's page for the payer; it comes late where the bank's first answer was lost. */
async function pageFor(api: string, paymentRef: string, credentials: string): Promise<string> {
  const path = `/v1/payments/${paymentRef}`;
  for (const giveUpAt = Date.now() + WAIT_MS_MAX; ; await sleep(POLL_MS)) {
    const { body } = await askUntilAnswered(api, { method: 'GET', path, credentials });
    const action = body['next_action'] as { url: string } | null;
    if (action !== null) return action.url;
    if (Date.now() > giveUpAt) throw new Error(`${paymentRef}: the bank has no page for the payer`);
  }
}

/** Found at once as a rule: its payer was told, or was told that the bank has not decided yet. */
async function paymentOf(api: string, orderRef: string, credentials: string): Promise<string> {
  const path = `/v1/orders/${orderRef}/payments`;
  for (const giveUpAt = Date.now() + WAIT_MS_MAX; ; await sleep(POLL_MS)) {
    const { body } = await askUntilAnswered(api, { method: 'GET', path, credentials });
    const payments = Object.values(body) as { status: string; payment_ref: string }[];
    const captured = payments.find(({ status }) => status === 'captured');
    if (captured !== undefined) return captured.payment_ref;
    if (Date.now() > giveUpAt) throw new Error(`${orderRef} is not paid`);
  }
}

/** The same request once more; it must be told the same. */
export function askAgain(
  api: string,
  { answer: _answer, orderRef: _orderRef, ...sent }: Told,
): Promise<Answer> {
  return askUntilAnswered(api, { method: 'POST', ...sent });
}

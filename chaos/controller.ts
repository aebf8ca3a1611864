import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Passage, Stop } from './steps.ts';

/** A step that an order passed, and when: ms since it was first watched. */
export interface Passed extends Stop {
  readonly atMs: number;
}

/** An order that is to be held up at one step. */
export interface Armed {
  /** Set once it stands there. */
  standing(): Passage | null;
  /** Lets it go on, and lets it pass if it has not come yet. */
  release(): void;
}

export interface Controller {
  readonly url: string;
  /** From now on the steps of this order count, from 1 again. */
  watch(orderRef: string): void;
  passed(orderRef: string): readonly Passed[];
  arm(orderRef: string, stop: Stop): Armed;
  close(): Promise<void>;
}

interface Watched {
  readonly since: number;
  readonly passed: Passed[];
  armed: { readonly stop: Stop; standing: Passage | null; readonly released: Promise<void> } | null;
}

/** Hears of every step that PayFlow's processes come to, and lets them go on, or not yet. */
export async function startController(): Promise<Controller> {
  const orders = new Map<string, Watched>();
  const server = createServer((request, response) => {
    void readPassage(request).then(
      (passage) => pass(orders.get(passage.orderRef), passage).then(() => response.writeHead(204).end()),
      () => refuse(response),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    watch: (orderRef) => void orders.set(orderRef, { since: performance.now(), passed: [], armed: null }),
    passed: (orderRef) => orders.get(orderRef)?.passed ?? [],
    arm(orderRef, stop) {
      const order = orders.get(orderRef);
      if (order === undefined) throw new Error(`${orderRef} is not watched`);
      let release = () => {};
      const released = new Promise<void>((resolve) => (release = resolve));
      const armed = { stop, standing: null as Passage | null, released };
      order.armed = armed;
      return { standing: () => armed.standing, release };
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function pass(order: Watched | undefined, passage: Passage): Promise<void> {
  if (order === undefined) return;
  const { step } = passage;
  const occurrence = 1 + order.passed.filter((earlier) => earlier.step === step).length;
  order.passed.push({ step, occurrence, atMs: performance.now() - order.since });
  const { armed } = order;
  if (armed?.stop.step !== step || armed.stop.occurrence !== occurrence) return;
  armed.standing = passage;
  await armed.released;
}

async function readPassage(request: IncomingMessage): Promise<Passage> {
  let body = '';
  for await (const chunk of request.setEncoding('utf8')) body += String(chunk);
  return JSON.parse(body) as Passage;
}

function refuse(response: ServerResponse): void {
  if (!response.destroyed) response.writeHead(400).end();
}

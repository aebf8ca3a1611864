import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { BankActivities, RecordActivities } from '../activities/index.ts';
import type { Connector } from '../src/connectors/connector.ts';
import type { OrderEngine } from '../src/temporal/orders.ts';
import type { Passage, Step } from './steps.ts';

/**
 * Runs inside the API and the worker: wraps the parts that composition.ts puts together, so that each
 * order is held up at each step until the controller has let it go on. What the parts do is unchanged.
 */
export interface Hooks {
  apiPool(pool: pg.Pool): pg.Pool;
  engine(engine: OrderEngine): OrderEngine;
  workerPool(pool: pg.Pool): pg.Pool;
  connector(connector: Connector): Connector;
  activities(activities: OrderActivities): OrderActivities;
}

type OrderActivities = BankActivities & RecordActivities;
type StopAt = (step: Step, orderRef: string, backend?: number) => Promise<void>;

export function createHooks(options: { url: string; process: Passage['process'] }): Hooks {
  const stopAt = createStop(options);
  // A bank call by key and a transaction do not say whose they are: the activity around them does.
  const orders = new AsyncLocalStorage<string>();
  return {
    apiPool: (pool) => watchAcceptance(pool, stopAt),
    engine: (engine) => watchEngine(engine, stopAt),
    workerPool: (pool) => watchTransactions(pool, { orders, stopAt }),
    connector: (connector) => watchConnector(connector, { orders, stopAt }),
    activities: (activities) => watchActivities(activities, { orders, stopAt }),
  };
}

/** Whoever answers decides when we go on; nobody there is a failure like any other. */
function createStop({ url, process: name }: { url: string; process: Passage['process'] }): StopAt {
  return async (step, orderRef, backend) => {
    const passage: Passage = { step, orderRef, process: name, backend: backend ?? null };
    const answer = await fetch(url, { method: 'POST', body: JSON.stringify(passage) });
    await answer.body?.cancel();
    if (!answer.ok) throw new Error(`the chaos controller answered ${answer.status}`);
  };
}

interface Watch {
  readonly orders: AsyncLocalStorage<string>;
  readonly stopAt: StopAt;
}

/** The statement that makes a command a row. */
const ACCEPTS = /^accept_(?:pay|held|refund)$/;
const ORDER_REF_VALUE = 1;

function watchAcceptance(pool: pg.Pool, stopAt: StopAt): pg.Pool {
  return withMethod(pool, 'query', async (statement: pg.QueryConfig<unknown[]>, ...rest: never[]) => {
    if (ACCEPTS.test(statement.name ?? ''))
      await stopAt('accept:before', String(statement.values?.[ORDER_REF_VALUE]));
    return pool.query(statement, ...rest);
  });
}

function watchEngine(engine: OrderEngine, stopAt: StopAt): OrderEngine {
  return {
    ...engine,
    async submit(label, command) {
      await stopAt('api:accepted', label.orderRef);
      const reply = await engine.submit(label, command);
      await stopAt('api:answered', label.orderRef);
      return reply;
    },
  };
}

/** The transactions of an activity, just before they commit and just after. */
function watchTransactions(pool: pg.Pool, { orders, stopAt }: Watch): pg.Pool {
  return withMethod(pool, 'connect', async () => {
    const client = await pool.connect();
    const orderRef = orders.getStore();
    if (orderRef === undefined) return client;
    const { processID: backend } = client as unknown as { processID: number };
    return withMethod(client, 'query', async (statement: string, ...rest: never[]) => {
      if (statement !== 'commit') return client.query(statement, ...rest);
      await stopAt('record:before-commit', orderRef, backend);
      const result = await client.query(statement);
      await stopAt('record:after-commit', orderRef, backend);
      return result;
    });
  });
}

const CALLS = ['authorize', 'capture', 'void', 'refund', 'fetch', 'abandon'] as const;

/** A bank that has not answered by then has not decided, or does not mean to. */
const SILENT_MS = 400;

function isSilent(outcome: Promise<unknown>): Promise<boolean> {
  return Promise.race([outcome.then(() => false), sleep(SILENT_MS, true)]);
}

function watchConnector(connector: Connector, { orders, stopAt }: Watch): Connector {
  const watched = CALLS.map((name) => {
    const call = connector[name] as (...args: unknown[]) => Promise<unknown>;
    const stepped = async (...args: unknown[]) => {
      const orderRef = orders.getStore() ?? '';
      await stopAt(`${name}:before`, orderRef);
      const outcome = call(...args);
      // It may fail while we stand; whoever awaits it below is told.
      outcome.catch(() => {});
      if (await isSilent(outcome)) await stopAt(`${name}:waiting`, orderRef);
      await outcome;
      await stopAt(`${name}:after`, orderRef);
      return outcome;
    };
    return [name, stepped];
  });
  return { ...connector, ...Object.fromEntries(watched) };
}

function watchActivities(activities: OrderActivities, { orders, stopAt }: Watch): OrderActivities {
  const { record, loadOrder } = activities;
  const stepped: OrderActivities = {
    ...activities,
    async record(input) {
      const recorded = await record(input);
      // Committed, and the workflow does not know it yet.
      await stopAt('record:returned', input.orderRef);
      return recorded;
    },
    async loadOrder(asked) {
      await stopAt('load:before', asked.orderRef);
      const loaded = await loadOrder(asked);
      await stopAt('load:after', asked.orderRef);
      return loaded;
    },
  };
  const named = Object.entries(stepped).map(([name, activity]) => {
    const run = activity as (input: { orderRef: string }) => Promise<unknown>;
    return [name, (input: { orderRef: string }) => orders.run(input.orderRef, () => run(input))];
  });
  return Object.fromEntries(named) as OrderActivities;
}

/** The same object, but for one method. Its other methods still find their own `this`. */
function withMethod<T extends object>(
  part: T,
  replaced: string,
  method: (...args: never[]) => Promise<unknown>,
): T {
  return new Proxy(part, {
    get(target, name) {
      if (name === replaced) return method;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

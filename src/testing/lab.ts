import { Worker, type NativeConnection } from '@temporalio/worker';
import type { Client, WorkflowHandle } from '@temporalio/client';
import type pg from 'pg';
import { pino } from 'pino';
import { ORDER_WORKFLOW } from '../../workflows/messages.ts';
import { createOrderActivities } from '../../activities/index.ts';
import { startBank, type Bank } from '../bank/bank.ts';
import type { Connector } from '../connectors/connector.ts';
import { createSimulatorConnector } from '../connectors/simulator/connector.ts';
import {
  acceptForPayment,
  acceptFromAdmin,
  acceptPay,
  type AdminRequest,
  type PaymentRequest,
  type PayRequest,
} from '../db/accept.ts';
import type { Asked } from '../db/commands.ts';
import type { OrderLabel } from '../db/orders.ts';
import { createPool } from '../db/pool.ts';
import type { Command, Reply } from '../domain/commands.ts';
import type { EventData } from '../domain/events.ts';
import { createOrderEngine, type OrderEngine } from '../temporal/orders.ts';
import { engineReady } from '../temporal/readiness.ts';
import { runSweep } from '../temporal/sweep.ts';
import { createDatabase, createEmptyDatabase, type TestDatabase } from './database.ts';
import { asked, createMerchant, insertTestOrder, payRequest } from './factories.ts';
import { connectClient, connectWorker, uniqueQueue, workflowBundle } from './temporal.ts';

const API_KEY = 'bank-api-key';
const BANK_HEADERS = { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json' };
const POLL_MS = 25;
const PATIENCE_MS = 20_000;

/** The engine's parts together, each of them real: tables, Temporal, a bank, a worker, no HTTP in front. */
export interface Lab {
  readonly database: TestDatabase;
  readonly connector: Connector;
  readonly pool: pg.Pool;
  readonly client: Client;
  readonly engine: OrderEngine;
  readonly bank: BankControl;
  readonly merchantId: string;
  readonly taskQueue: string;
  /** An order whose run is asleep until it expires. */
  createOrder(change?: Partial<EventData['order.created']>): Promise<OrderLabel>;
  accept(order: OrderLabel, request: LabRequest, change?: Partial<Asked>): Promise<Command>;
  /** Accepts a pay and drives it. */
  pay(order: OrderLabel, change?: Partial<PayRequest> & { vpa?: string }): Promise<Reply>;
  /** Accepts any other command and drives it. */
  command(order: OrderLabel, request: PaymentRequest | AdminRequest): Promise<Reply>;
  handle(order: OrderLabel): WorkflowHandle;
  /** Another run of the same order in another worker, which finds its open commands and carries them out. */
  elsewhere(order: OrderLabel): Promise<void>;
  /** Waits until the run is closed. */
  closed(order: OrderLabel): Promise<void>;
  /** Waits until the newest payment of the order is in this phase. */
  reaches(order: OrderLabel, phase: string): Promise<void>;
  /** Of the newest payment. */
  paymentRef(order: OrderLabel): Promise<string>;
  /** The types of the order's events, in order. */
  events(order: OrderLabel): Promise<string[]>;
  /** What the Temporal UI shows a human about the order's run. */
  attention(order: OrderLabel): Promise<unknown>;
  /** Until `startWorker` nobody takes this lab's tasks. */
  pauseWorker(): Promise<void>;
  startWorker(): Promise<void>;
  close(): Promise<void>;
}

export type LabRequest = PayRequest | PaymentRequest | AdminRequest;

export interface BankControl {
  readonly url: string;
  /** What the bank did with money for this order, oldest first. */
  journal(order: Pick<OrderLabel, 'orderRef'>): Promise<{ kind: string; key: string; amount: number }[]>;
  /** Holds the money of a pay by `vpa`, as its run would that is lost before it can record; the reference. */
  charge(order: OrderLabel, commandId: string, vpa: string): Promise<string>;
  /** The kinds alone. */
  moves(order: Pick<OrderLabel, 'orderRef'>): Promise<string[]>;
  faults(faults: Record<string, unknown> | null): Promise<void>;
  post(path: string, body?: unknown): Promise<unknown>;
}

interface LabOptions {
  /** Stands between the worker and the bank, to hold a call back at a chosen moment. */
  readonly around?: (connector: Connector) => Connector;
  readonly fastLaneMax?: number;
  /** Where the bank tells what happened by itself; else it keeps silent and has to be asked. */
  readonly callback?: { readonly url: string; readonly secret: string };
  /** `{returnBase}/pay/{order_ref}` is where the bank sends the payer back to. */
  readonly returnBase?: string;
}

export async function startLab(options: LabOptions = {}): Promise<Lab> {
  const database = await createDatabase();
  const bankDatabase = await createEmptyDatabase();
  const bank = await startBank({
    databaseUrl: bankDatabase.url,
    port: 0,
    apiKey: API_KEY,
    publicUrl: null,
    callback: options.callback ?? null,
  });
  const callbackSecret = options.callback?.secret ?? 'none';
  const simulator = createSimulatorConnector({ url: bank.url, apiKey: API_KEY, callbackSecret });
  const connector = options.around?.(simulator) ?? simulator;
  const pool = createPool({ url: database.url, max: 20, applicationName: 'lab' });
  const client = await connectClient();
  const native = await connectWorker();
  const taskQueue = uniqueQueue();
  const engine = createOrderEngine({ client, pool, taskQueue });
  const merchantId = await createMerchant(pool);
  const { fastLaneMax = 20, returnBase = 'http://localhost' } = options;
  const newWorker = (queue: string) =>
    runWorker(native, {
      taskQueue: queue,
      activities: createOrderActivities({ pool, connector, fastLaneMax, returnBase }),
    });
  let worker = await newWorker(taskQueue);
  return {
    ...tools({ pool, client, engine, merchantId }),
    async elsewhere({ orderRef }) {
      const queue = uniqueQueue();
      const other = await newWorker(queue);
      const run = {
        workflowId: `${orderRef}-elsewhere`,
        taskQueue: queue,
        args: [{ orderRef, created: null }],
      };
      try {
        await client.workflow.execute(ORDER_WORKFLOW, run);
      } finally {
        await other.stop();
      }
    },
    database,
    connector,
    pool,
    client,
    engine,
    merchantId,
    taskQueue,
    bank: controlOf(bank),
    pauseWorker: () => worker.stop(),
    async startWorker() {
      worker = await newWorker(taskQueue);
    },
    async close() {
      await worker.stop();
      await Promise.all([native.close(), client.connection.close(), simulator.close(), pool.end()]);
      await bank.close();
      await Promise.all([database.drop(), bankDatabase.drop()]);
    },
  };
}

async function runWorker(
  connection: NativeConnection,
  { taskQueue, activities }: { taskQueue: string; activities: ReturnType<typeof createOrderActivities> },
) {
  const worker = await Worker.create({
    connection,
    taskQueue,
    activities,
    workflowBundle: workflowBundle(),
    // Not the machine's name: histories of this worker are kept.
    identity: 'lab',
    stickyQueueScheduleToStartTimeout: '1 s',
  });
  const running = worker.run();
  let stopping: Promise<void> | undefined;
  return {
    stop: () => {
      stopping ??= Promise.resolve(worker.shutdown()).then(() => running);
      return stopping;
    },
  };
}

interface JournalRow {
  kind: string;
  key: string;
  order_ref: string;
  amount: number;
}

function controlOf({ url }: Bank): BankControl {
  const call = async (method: string, path: string, body?: unknown) => {
    const response = await fetch(url + path, {
      method,
      headers: BANK_HEADERS,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!response.ok)
      throw new Error(`bank: ${method} ${path} → ${response.status} ${await response.text()}`);
    return response.headers.get('content-type')?.includes('json') ? response.json() : null;
  };
  const journal: BankControl['journal'] = async ({ orderRef }) => {
    const rows = (await call('GET', '/journal?after=0&limit=1000')) as JournalRow[];
    return rows
      .filter((row) => row.order_ref === orderRef)
      .map(({ kind, key, amount }) => ({ kind, key, amount }));
  };
  return {
    url,
    journal,
    async charge({ orderRef, amount, currency }, commandId, vpa) {
      const answer = await call('POST', '/authorizations', {
        key: `${commandId}/authorize`,
        order_ref: orderRef,
        amount,
        currency,
        method: 'upi',
        instrument: { vpa },
        return_url: `http://localhost/pay/${orderRef}?from=bank`,
      });
      return (answer as { outcome: { reference: string } }).outcome.reference;
    },
    moves: async (order) => (await journal(order)).map(({ kind }) => kind),
    faults: async (faults) => {
      await (faults === null ? call('DELETE', '/faults') : call('POST', '/faults', faults));
    },
    post: (path, body = {}) => call('POST', path, body),
  };
}

interface Parts {
  readonly pool: pg.Pool;
  readonly client: Client;
  readonly engine: OrderEngine;
  readonly merchantId: string;
}

function tools({ pool, client, engine, merchantId }: Parts) {
  const handle = ({ orderRef }: OrderLabel) => client.workflow.getHandle(orderRef);

  const accept: Lab['accept'] = async (order, request, change = {}) => {
    const about = asked(merchantId, order.orderRef, change);
    const acceptance =
      'method' in request
        ? await acceptPay(pool, about, request)
        : 'args' in request
          ? await acceptFromAdmin(pool, about, request)
          : await acceptForPayment(pool, about, request);
    if (acceptance.type !== 'accepted') throw new Error(`not accepted: ${JSON.stringify(acceptance)}`);
    return acceptance.command;
  };
  const drive = async (order: OrderLabel, command: Command): Promise<Reply> => {
    const reply = await engine.submit(order, command);
    if (reply === null) throw new Error(`${command.kind} has no reply`);
    return reply;
  };
  const newest = async ({ orderRef }: OrderLabel) => {
    const { rows } = await pool.query<{ phase: string; payment_ref: string }>(
      'select phase, payment_ref from payments where order_ref = $1 order by created_at desc limit 1',
      [orderRef],
    );
    return rows[0];
  };
  return {
    accept,
    handle,
    createOrder: (change: Partial<EventData['order.created']> = {}) =>
      startTestOrder({ pool, engine, merchantId }, change),
    pay: async (order: OrderLabel, change: Partial<PayRequest> & { vpa?: string } = {}) =>
      drive(order, await accept(order, { ...payRequest(change), ...withoutVpa(change) })),
    command: async (order: OrderLabel, request: PaymentRequest | AdminRequest) =>
      drive(order, await accept(order, request, { scope: 'other' })),
    closed: async (order: OrderLabel) => {
      await until(`${order.orderRef} is closed`, async () => {
        const { status } = await handle(order).describe();
        return status.name !== 'RUNNING';
      });
    },
    reaches: (order: OrderLabel, wanted: string) =>
      until(`${order.orderRef} is ${wanted}`, async () => (await newest(order))?.phase === wanted),
    paymentRef: async (order: OrderLabel) => (await newest(order))?.payment_ref ?? '',
    attention: async (order: OrderLabel) => {
      const { typedSearchAttributes } = await handle(order).describe();
      return typedSearchAttributes.getAll().find(({ key }) => key.name === 'Attention')?.value;
    },
    events: async ({ orderRef }: OrderLabel) => {
      const { rows } = await pool.query<{ type: string }>(
        'select type from events where order_ref = $1 order by order_seq',
        [orderRef],
      );
      return rows.map(({ type }) => type);
    },
  };
}

function withoutVpa({ vpa: _vpa, ...rest }: Partial<PayRequest> & { vpa?: string }) {
  return rest;
}

async function startTestOrder(
  { pool, engine, merchantId }: Omit<Parts, 'client'>,
  change: Partial<EventData['order.created']>,
): Promise<OrderLabel> {
  const { order, event } = await insertTestOrder(pool, merchantId, change);
  const label = {
    orderRef: order.order_ref,
    merchantId,
    merchantName: "Jane's Store",
    amount: order.amount,
    currency: event.data.currency,
    source: 'api',
  };
  await engine.start(label, event);
  return label;
}

/** The sweep of a worker, over a lab's orders. Resolves when it has stopped. */
export function startSweep({ pool, engine, client }: Pick<Lab, 'pool' | 'engine' | 'client'>): {
  stop(): Promise<void>;
} {
  const stopping = new AbortController();
  const logger = pino({ level: 'silent' });
  const ensureDispatcher = () => Promise.resolve();
  const sweep = { pool, engine, logger, engineReady: () => engineReady(client), ensureDispatcher };
  const sweeping = runSweep(sweep, stopping.signal);
  return {
    stop: () => {
      stopping.abort();
      return sweeping;
    },
  };
}

/** Polls until it is so; fails with what it waited for. */
export async function until(
  what: string,
  isSo: () => Promise<boolean>,
  patienceMs = PATIENCE_MS,
): Promise<void> {
  const deadline = Date.now() + patienceMs;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`not within ${patienceMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

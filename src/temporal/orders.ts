import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  isGrpcServiceError,
  ServiceError,
  WithStartWorkflowOperation,
  WorkflowExecutionAlreadyStartedError,
  type Client,
} from '@temporalio/client';
import { defineSearchAttributeKey, SearchAttributeType, TypedSearchAttributes } from '@temporalio/common';
import type pg from 'pg';
import { COMMAND_UPDATES, ORDER_WORKFLOW, wakeUpdate, type OrderInput } from '../../workflows/messages.ts';
import { replyOf } from '../db/commands.ts';
import type { OrderLabel } from '../db/orders.ts';
import type { Command, Reply } from '../domain/commands.ts';
import type { OrderEvent } from '../domain/events.ts';
import { formatMoney } from '../domain/money.ts';

export interface OrderEngine {
  /** Opens the order's run, asleep until it expires. Best effort: a pay or the sweep opens it anyway. */
  start(label: OrderLabel, created: Extract<OrderEvent, { type: 'order.created' }>): Promise<void>;
  /**
   * Carries out an accepted command and returns its reply, or null when there is none in time: the
   * command is accepted all the same and will be answered in its row. Never throws for the engine.
   */
  submit(label: OrderLabel, command: Command): Promise<Reply | null>;
  /** Waits for the reply of a command that somebody else drives; null when it does not come in time. */
  join(commandId: string): Promise<Reply | null>;
  /** Like `submit`, for the sweep: errors are the caller's. */
  drive(label: OrderLabel, command: Command): Promise<Reply>;
  wake(label: OrderLabel): Promise<void>;
  /** False while the engine was seen to be away: refuse money commands before they are accepted. */
  available(): boolean;
}

interface Deps {
  readonly client: Client;
  readonly pool: pg.Pool;
  readonly taskQueue: string;
}

/** How long a caller waits for an answer. */
const ANSWER_MS = 10_000;
const START_MS = 2_000;
/** After the engine was seen to be away, nobody else waits for it for this long. */
const BREAKER_MS = 2_000;
const JOIN_POLL_MS_MIN = 25;
const JOIN_POLL_MS_MAX = 250;

const MERCHANT_ID = defineSearchAttributeKey('MerchantId', SearchAttributeType.KEYWORD);
const AMOUNT_MINOR = defineSearchAttributeKey('AmountMinor', SearchAttributeType.INT);
const CURRENCY = defineSearchAttributeKey('Currency', SearchAttributeType.KEYWORD);
const SOURCE = defineSearchAttributeKey('Source', SearchAttributeType.KEYWORD);

export function createOrderEngine(deps: Deps): OrderEngine {
  const { client, pool } = deps;
  let awayUntil = 0;
  const noteFailure = (error: unknown, codes: readonly number[]) => {
    if (codes.includes(codeOf(error))) awayUntil = Date.now() + BREAKER_MS;
  };
  const available = () => Date.now() >= awayUntil;
  return {
    available,
    async start(label, created) {
      // Nobody else waits for an engine that is away; a pay or the sweep opens the run.
      if (!available()) return;
      await startAsleep(deps, label, created).catch((error: unknown) => {
        noteFailure(error, [UNAVAILABLE, DEADLINE_EXCEEDED]);
      });
    },
    join: (commandId) => joinUntil(pool, commandId, Date.now() + ANSWER_MS),
    drive: (label, command) => driveUntil(deps, { label, command, deadline: Date.now() + ANSWER_MS }),

    async submit(label, command) {
      const deadline = Date.now() + ANSWER_MS;
      // Whatever goes wrong after acceptance says nothing about the outcome: once more, then the row.
      for (let drives = 0; drives < 2 && Date.now() < deadline; drives += 1) {
        try {
          return await driveUntil(deps, { label, command, deadline });
        } catch (error) {
          // A deadline that passes says something of this order, of its bank perhaps, not of the engine.
          noteFailure(error, [UNAVAILABLE]);
        }
      }
      return joinUntil(pool, command.id, deadline);
    },

    async wake(label) {
      const once = () =>
        client.connection.withDeadline(Date.now() + ANSWER_MS, () =>
          client.workflow.executeUpdateWithStart(wakeUpdate, {
            startWorkflowOperation: opening(deps, label),
          }),
        );
      // A run that closes just when the bank's own answer comes in fails that task, and the update in it.
      await once().catch(once);
    },
  };
}

/** One event, and nothing runs until somebody pays or the order expires. */
async function startAsleep(
  { client, taskQueue }: Deps,
  label: OrderLabel,
  created: Extract<OrderEvent, { type: 'order.created' }>,
): Promise<void> {
  const input: OrderInput = { orderRef: label.orderRef, created };
  try {
    await client.connection.withDeadline(Date.now() + START_MS, () =>
      client.workflow.start(ORDER_WORKFLOW, {
        workflowId: label.orderRef,
        taskQueue,
        args: [input],
        startDelay: Math.max(1, created.data.expiresAt - Date.now()),
        workflowIdReusePolicy: 'REJECT_DUPLICATE',
        ...shown(label),
      }),
    );
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
}

function driveUntil(
  deps: Deps,
  { label, command, deadline }: { label: OrderLabel; command: Command; deadline: number },
): Promise<Reply> {
  const { client } = deps;
  return client.connection.withDeadline(deadline, () =>
    client.workflow.executeUpdateWithStart(COMMAND_UPDATES[command.kind], {
      // A new id at each drive: an update that failed once is answered with that failure for ever.
      updateId: `${command.id}.${randomBytes(4).toString('hex')}`,
      args: [command],
      startWorkflowOperation: opening(deps, label),
    }),
  );
}

/** The workflow that an update starts where none is running: it loads the order first. */
function opening({ taskQueue }: Deps, label: OrderLabel) {
  const input: OrderInput = { orderRef: label.orderRef, created: null };
  return new WithStartWorkflowOperation(ORDER_WORKFLOW, {
    workflowId: label.orderRef,
    taskQueue,
    args: [input],
    workflowIdConflictPolicy: 'USE_EXISTING',
    ...shown(label),
  });
}

/** Looks at the command's row until somebody has written its reply. */
async function joinUntil(pool: pg.Pool, commandId: string, deadline: number): Promise<Reply | null> {
  let pause = JOIN_POLL_MS_MIN;
  for (;;) {
    const reply = await replyOf(pool, commandId);
    if (reply !== null || Date.now() >= deadline) return reply;
    await sleep(Math.min(pause, Math.max(1, deadline - Date.now())));
    pause = Math.min(JOIN_POLL_MS_MAX, pause * 1.5);
  }
}

function shown(label: OrderLabel) {
  return {
    staticSummary: `${formatMoney(label)}, ${label.merchantName}`.slice(0, SUMMARY_CHARACTERS_MAX),
    typedSearchAttributes: new TypedSearchAttributes([
      { key: MERCHANT_ID, value: label.merchantId },
      { key: AMOUNT_MINOR, value: label.amount },
      { key: CURRENCY, value: label.currency },
      { key: SOURCE, value: label.source },
    ]),
  };
}

/** Temporal takes 200 bytes; a business name may be longer in bytes than in characters. */
const SUMMARY_CHARACTERS_MAX = 60;

const UNAVAILABLE = 14;
const DEADLINE_EXCEEDED = 4;

function codeOf(error: unknown): number {
  const cause = error instanceof ServiceError ? error.cause : error;
  return isGrpcServiceError(cause) ? cause.code : 0;
}

import { setTimeout as sleep } from 'node:timers/promises';
import type { Connection } from '@temporalio/client';
import { Refusal } from './refusal.ts';
import { addSearchAttributes, SEARCH_ATTRIBUTES } from './search-attributes.ts';

export interface WantedNamespace {
  readonly namespace: string;
  /** How long closed runs are kept, if the namespace is made now. */
  readonly retentionDays: number;
}

const PREPARE_MS_MAX = 90_000;
const CALL_MS_MAX = 10_000;
const POLL_MS = 500;
const DAY_SECONDS = 86_400;
// gRPC's numbers.
const INVALID_ARGUMENT = 3;
const NOT_FOUND = 5;
const ALREADY_EXISTS = 6;
const PERMISSION_DENIED = 7;
const UNIMPLEMENTED = 12;
const UNAUTHENTICATED = 16;
/** Asking again gets the same answer. */
const FINAL = [INVALID_ARGUMENT, PERMISSION_DENIED, UNIMPLEMENTED, UNAUTHENTICATED];

/**
 * Makes the namespace, unless it is there, and the search attributes that it lacks; true if it made the
 * namespace. A server that has only just started learns of them by and by, and is asked until it has.
 */
export async function prepareTemporal(connection: Connection, wanted: WantedNamespace): Promise<boolean> {
  const { namespace } = wanted;
  const giveUpAt = Date.now() + PREPARE_MS_MAX;
  const insist = async <T>(call: () => Promise<T>): Promise<T> => {
    for (;;) {
      try {
        return await connection.withDeadline(Date.now() + CALL_MS_MAX, call);
      } catch (error) {
        if (FINAL.includes(codeOf(error)) || Date.now() > giveUpAt) throw error;
        await sleep(POLL_MS);
      }
    }
  };
  try {
    const made = await insist(() => ensureNamespace(connection, wanted));
    await insist(() => addSearchAttributes(connection, namespace));
    return made;
  } catch (error) {
    throw explained(error, namespace);
  }
}

async function ensureNamespace(
  { workflowService }: Connection,
  { namespace, retentionDays }: WantedNamespace,
): Promise<boolean> {
  try {
    await workflowService.describeNamespace({ namespace });
    return false;
  } catch (error) {
    if (codeOf(error) !== NOT_FOUND) throw error;
  }
  try {
    await workflowService.registerNamespace({
      namespace,
      // A number is taken for protobuf's 64-bit type; its declaration says Long.
      workflowExecutionRetentionPeriod: { seconds: (retentionDays * DAY_SECONDS) as never },
    });
    return true;
  } catch (error) {
    // Of an earlier try whose answer was lost, or of another one who prepares it at this moment.
    if (codeOf(error) !== ALREADY_EXISTS) throw error;
    return false;
  }
}

/** Temporal Cloud lets namespaces and search attributes be made in its own pages and tools only. */
function explained(error: unknown, namespace: string): Refusal {
  const attributes = Object.entries(SEARCH_ATTRIBUTES).map(([name, type]) => `${name} (${type})`);
  const why = (error as { details?: string }).details || (error as Error).message;
  return new Refusal(
    `The namespace ${namespace} could not be prepared: ${why}. ` +
      `If your Temporal is administered elsewhere, make there: the namespace, with the search attributes ${attributes.join(', ')}.`,
  );
}

function codeOf(error: unknown): number {
  return Number((error as { code?: unknown }).code ?? -1);
}

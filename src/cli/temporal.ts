import { hostname } from 'node:os';
import { Connection, type Client } from '@temporalio/client';
import { type Command, InvalidArgumentError } from 'commander';
import { prepareTemporal } from '../local/prepare-temporal.ts';
import { Refusal } from '../local/refusal.ts';
import { SEARCH_ATTRIBUTES } from '../local/search-attributes.ts';
import { createTemporalClient } from '../temporal/client.ts';
import { ORDER_QUEUE, pollersOf } from '../temporal/readiness.ts';
import type { Environment } from './environment.ts';

const CONNECT_MS_MAX = 60_000;
const RETENTION_DAYS = 30;
const RETENTION_DAYS_MAX = 3_650;
/** A worker asks for tasks once a minute at least, however little there is to do. */
const SILENCE_MS_MAX = 100_000;

const HELP = `
TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_API_KEY and TEMPORAL_TLS say which server, as for the worker.`;

/** `payflow temporal`: for a server that \`payflow up\` did not start. */
export function addTemporal(program: Command, environment: Environment): void {
  const temporal = program.command('temporal').description('the Temporal server that PayFlow works with');
  temporal
    .command('prepare')
    .description('make the namespace, unless it is there, and the search attributes that it lacks')
    .option('--retention-days <n>', 'keep closed runs so long, if it is made now', parseDays, RETENTION_DAYS)
    .addHelpText('after', HELP)
    .action(async ({ retentionDays }: { retentionDays: number }) => {
      process.stdout.write(`${await prepare(environment, retentionDays)}\n`);
    });
  temporal
    .command('worker')
    .description('exit with 0 if a worker of this machine takes tasks; for health checks')
    .addHelpText('after', HELP)
    .action(async () => {
      process.stdout.write(`${await lookForWorker(environment)}\n`);
    });
}

async function prepare({ temporal }: Environment, retentionDays: number): Promise<string> {
  const { address, namespace, apiKey, tls } = usable(temporal);
  const connection = await Connection.connect({
    address,
    tls,
    connectTimeout: CONNECT_MS_MAX,
    ...(apiKey === undefined ? {} : { apiKey }),
  }).catch((error: Error) => {
    throw new Refusal(`TEMPORAL_ADDRESS=${address} does not answer: ${error.message}.`);
  });
  try {
    const made = await prepareTemporal(connection, { namespace, retentionDays });
    const names = Object.keys(SEARCH_ATTRIBUTES).join(', ');
    const what = made ? `made now, keeps closed runs for ${retentionDays} days` : 'was there';
    return `The namespace ${namespace} is ready (${what}), with ${names}.`;
  } finally {
    await connection.close();
  }
}

async function lookForWorker({ temporal }: Environment): Promise<string> {
  const client = createTemporalClient(usable(temporal));
  try {
    return await workerOf(client, hostname());
  } finally {
    await client.connection.close();
  }
}

async function workerOf(client: Client, host: string): Promise<string> {
  const pollers = await pollersOf(client, ORDER_QUEUE).catch((error: Error) => {
    throw new Refusal(`Temporal cannot be asked: ${error.message}.`);
  });
  const living = pollers.find(
    ({ identity, askedAt }) => identity.endsWith(`@${host}`) && Date.now() - askedAt < SILENCE_MS_MAX,
  );
  if (living === undefined)
    throw new Refusal(`No worker on ${host} takes tasks of the queue ${ORDER_QUEUE}.`);
  return `The worker ${living.identity} takes tasks.`;
}

function usable<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new Refusal((error as Error).message);
  }
}

function parseDays(text: string): number {
  const days = Number(text);
  if (Number.isInteger(days) && days >= 1 && days <= RETENTION_DAYS_MAX) return days;
  throw new InvalidArgumentError(`It is a number of days from 1 to ${RETENTION_DAYS_MAX}.`);
}

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { BankSilent, createJournalReader } from '../audit/bank-journal.ts';
import { createClientLogReader, UnreadableLog } from '../audit/client-log.ts';
import { differenceLine, DIFFERENCES, type Difference } from '../audit/difference.ts';
import { verify, type Audited } from '../audit/verify.ts';
import { NewerDatabase, pendingMigrations } from '../db/migrate.ts';
import { createPool } from '../db/pool.ts';
import { Refusal } from '../local/refusal.ts';
import { createSteps } from '../local/steps.ts';
import { databaseUrlOf } from './database-url.ts';
import type { Environment } from './environment.ts';

interface Options {
  readonly json: boolean;
  readonly since?: string;
  readonly bankUrl?: string;
  readonly bankKey?: string;
  readonly clientLog: readonly string[];
}

const DIFFERS = 1;
const COULD_NOT_LOOK = 2;

/** `payflow audit verify`: the bank, the events, the tables and clients against each other. Reads only. */
export function addAudit(program: Command, environment: Environment): void {
  const audit = program.command('audit').description('prove that no money was moved twice or forgotten');
  audit
    .command('verify')
    .description(
      "compare the bank's journal, the events, the tables, the webhooks and what clients were told",
    )
    .option('--json', 'print one JSON object', false)
    .option('--since <time>', 'only orders that changed since (ISO 8601), or that are unfinished', parseTime)
    .option('--bank-url <url>', 'where the bank is')
    .option('--bank-key <key>', "the bank's API key")
    .option('--client-log <file>', 'what a client was answered, for each file once', addFile, [])
    .addHelpText('after', HELP)
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : COULD_NOT_LOOK))
    .action(async (options: Options) => {
      process.exitCode = await auditIn(environment, options).catch(explain);
    });
}

const HELP = `
DATABASE_URL, PAYFLOW_BANK_URL and PAYFLOW_BANK_API_KEY say where to look; without them it is the
PayFlow that runs in PAYFLOW_HOME.

A client's log has one JSON object a line for each answered request, in any order:
  at, kind, status        when (ISO 8601), create | pay | capture | void | refund, the HTTP status
  order_ref               required where the status is 2xx
  idempotency_key         what the client sent
  payment_ref, payment_status, amount_captured, refund_ref, refund_status, amount
                          from the answer; amount is that of the object that was answered
  reason                  of a refusal: error.reason
  {"at":"2026-11-24T10:15:00.250Z","kind":"pay","status":200,"order_ref":"pf_order_5d0e…",
   "payment_ref":"pf_pay_81b2…","payment_status":"captured","amount":49900}   (on one line)
What is left out is not compared. Orders that it names are looked at whatever --since says.

Exit code: 0 no differences, ${DIFFERS} differences, ${COULD_NOT_LOOK} it could not look.

Each difference is one line, with both sides and one of these codes:
${Object.entries(DIFFERENCES)
  .map(([code, meaning]) => `  ${code.padEnd(26)}${meaning}`)
  .join('\n')}`;

async function auditIn(environment: Environment, options: Options): Promise<number> {
  const bank = bankOf(environment, options);
  const url = await databaseUrlOf(environment);
  if ((await pendingMigrations(url)).length > 0) {
    throw new Refusal('The tables are older than this version: run `payflow migrate` first.');
  }
  const pool = createPool({ url, max: 1, applicationName: 'payflow-audit' });
  const output = options.json ? jsonOutput() : textOutput();
  const deps = {
    pool,
    readJournal: createJournalReader(bank),
    readClientLog: createClientLogReader(options.clientLog),
    now: Date.now,
  };
  const run = (note: (text: string) => void) =>
    verify(deps, {
      since: options.since ?? null,
      report: output.report,
      progress: (audited) => note(countsOf(audited)),
    });
  try {
    const audited = await (process.stderr.isTTY
      ? createSteps(process.stderr).step('Comparing', run)
      : run(() => {}));
    output.end(audited);
    return audited.differences > 0 ? DIFFERS : 0;
  } finally {
    await pool.end();
  }
}

/** Faults whose message says what is in the way. */
const KNOWN = [Refusal, BankSilent, UnreadableLog, NewerDatabase];

function explain(error: unknown): number {
  const { message, stack = message } = error as Error;
  const known = KNOWN.some((kind) => error instanceof kind);
  process.stderr.write(`The audit could not look: ${known ? message : stack}\n`);
  return COULD_NOT_LOOK;
}

function textOutput() {
  return {
    report: (difference: Difference) => void process.stdout.write(`${differenceLine(difference)}\n`),
    end: (audited: Audited) => void process.stdout.write(`${countsOf(audited)}\n`),
  };
}

/** One object, written as it is found: it may be long. */
function jsonOutput() {
  let isFirst = true;
  const write = (text: string) => void process.stdout.write(text);
  const begin = () => {
    write(isFirst ? '{"differences":[' : ',');
    isFirst = false;
  };
  return {
    report: (difference: Difference) => {
      begin();
      write(`\n${JSON.stringify({ ...difference, line: differenceLine(difference) })}`);
    },
    end: ({ bankEntries, answers, orders, differences }: Audited) => {
      if (isFirst) begin();
      const counts = { count: differences, orders, bank_entries: bankEntries, client_answers: answers };
      write(`],${JSON.stringify(counts).slice(1)}\n`);
    },
  };
}

function countsOf({ orders, bankEntries, answers, differences }: Audited): string {
  const found = differences === 1 ? '1 difference' : `${differences === 0 ? 'no' : differences} differences`;
  const told = answers === 0 ? '' : `, ${answers} answers to clients`;
  return `${orders} orders, ${bankEntries} entries of the bank's journal${told}: ${found}`;
}

function bankOf({ home, inherited }: Environment, options: Options): { url: string; apiKey: string } {
  const running = readJson<{ urls: { bank: string } }>(home, 'run.json')?.urls.bank;
  const kept = readJson<{ bank_api_key: string }>(home, 'secrets.json')?.bank_api_key;
  const url = options.bankUrl ?? (inherited['PAYFLOW_BANK_URL'] || running);
  const apiKey = options.bankKey ?? (inherited['PAYFLOW_BANK_API_KEY'] || kept);
  if (url === undefined || apiKey === undefined) {
    throw new Refusal(
      `Which bank? Give --bank-url and --bank-key, set PAYFLOW_BANK_URL and PAYFLOW_BANK_API_KEY, ` +
        `or start PayFlow first (nothing runs in ${home}).`,
    );
  }
  return { url: url.replace(/\/$/, ''), apiKey };
}

function readJson<T>(home: string, name: string): T | null {
  const file = join(home, name);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as T) : null;
}

function addFile(file: string, files: readonly string[]): readonly string[] {
  return [...files, file];
}

function parseTime(text: string): string {
  const time = new Date(text);
  if (Number.isNaN(time.getTime())) throw new InvalidArgumentError('that is no time in ISO 8601.');
  return time.toISOString();
}

import colors from 'picocolors';
import type { Stack } from './stack.ts';

export interface RunFileOptions {
  readonly stack: Stack;
  readonly home: string;
  readonly pids: Readonly<Record<string, number>>;
}

export type RunFile = ReturnType<typeof runFile>;

/** What scripts find in `<home>/run.json` while we run. */
export function runFile({ stack, home, pids }: RunFileOptions) {
  const { at } = stack;
  const all: RunFileOptions['pids'] = { ...pids, supervisor: process.pid };
  return {
    home,
    ports: {
      api: at.apiPort,
      bank: at.bankPort,
      temporal: Number(at.temporalAddress.split(':').at(-1)),
      temporal_ui: stack.temporalUiPort,
      postgres: stack.postgresPort,
    },
    urls: urls(stack),
    pids: all,
    demo: stack.demo,
    database_url: at.databaseUrl,
    bank_database_url: at.bankDatabaseUrl,
    temporal_address: at.temporalAddress,
  };
}

/** What people read when everything runs. Its last line is the one that scripts wait for. */
export function summary(stack: Stack, home: string): string {
  const { api, docs, bank, temporal_ui, payment_page } = urls(stack);
  const { demo } = stack;
  const rows: [string, string | null | undefined][] = [
    ['API', api],
    ['Documentation', docs],
    ['Payment page', payment_page],
    ['Simulated bank', bank],
    ['Temporal', temporal_ui ?? stack.at.temporalAddress],
    ['API key', demo && `${demo.key_id}:${demo.key_secret}`],
    ['Webhook secret', demo?.webhook_secret],
    ['Merchant', demo && `${demo.merchant.email}  ${demo.merchant.password}`],
    ['Admin', demo && `${demo.admin.email}  ${demo.admin.password}`],
    ['Data and logs', home],
  ];
  const shown = rows.flatMap(([name, text]) =>
    text == null ? [] : [`  ${colors.bold(name.padEnd(LABEL_WIDTH))}${text}`],
  );
  const note = stack.development ? [`  ${DEVELOPMENT_NOTE}`] : [];
  return ['', ...shown, '', ...note, '  Ctrl-C stops everything.', '', `PayFlow is ready: ${api}`].join('\n');
}

const LABEL_WIDTH = 16;
const DEVELOPMENT_NOTE =
  'Development mode: webhooks may go to http:// and to loopback addresses; in production to neither.';

function urls({ at, demo, temporalUiPort }: Stack) {
  const api = `http://localhost:${at.apiPort}`;
  return {
    api,
    docs: `${api}/docs`,
    bank: `http://localhost:${at.bankPort}`,
    temporal_ui: temporalUiPort === null ? null : `http://localhost:${temporalUiPort}`,
    payment_page: demo && `${api}/pay/${demo.order_ref}`,
  };
}

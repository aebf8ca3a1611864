/** Where an order can be held up, with what is true there. In the API, in the order of a command's life: */
const API_STEPS = {
  'accept:before': 'the command is about to become a row',
  'api:accepted': 'its row is committed, the engine does not know of it',
  'api:answered': 'the engine has answered, the client has not been; a settled run is closing',
} as const;

/** And in the worker. */
const WORKER_STEPS = {
  'load:before': 'a run is about to load the order',
  'load:after': 'it is loaded, the engine does not know it yet',
  'authorize:before': 'the bank is about to be asked to hold the money',
  'authorize:waiting': 'the bank is silent, whatever it has done',
  'authorize:after': 'the bank has answered, nothing is recorded',
  'capture:before': 'the bank is about to be asked to take it',
  'capture:waiting': 'the bank is silent, whatever it has done',
  'capture:after': 'the bank has answered, nothing is recorded',
  'void:before': 'the bank is about to be asked to release it',
  'void:waiting': 'the bank is silent, whatever it has done',
  'void:after': 'the bank has answered, nothing is recorded',
  'refund:before': 'the bank is about to be asked to give it back',
  'refund:waiting': 'the bank is silent, whatever it has done',
  'refund:after': 'the bank has answered, nothing is recorded',
  'fetch:before': 'the bank is about to be asked what became of a key',
  'fetch:waiting': 'the bank is silent, whatever it has done',
  'fetch:after': 'the bank has answered, nothing is recorded',
  'abandon:before': 'the bank is about to be asked to close a key',
  'abandon:waiting': 'the bank is silent, whatever it has done',
  'abandon:after': 'the bank has answered, nothing is recorded',
  'record:before-commit': 'the events are written, not committed',
  'record:after-commit': 'they are committed, the activity does not know it',
  'record:returned': 'the activity is about to return, the workflow task is not completed',
} as const;

export const STEPS = { ...API_STEPS, ...WORKER_STEPS };
export type Step = keyof typeof STEPS;

/** One order comes to a step. */
export interface Passage {
  readonly step: Step;
  readonly orderRef: string;
  readonly process: 'api' | 'worker';
  /** The pid of Postgres' end of the connection in use, at the steps of a transaction. */
  readonly backend: number | null;
}

/** The n-th time that an order comes to a step, from 1. */
export interface Stop {
  readonly step: Step;
  readonly occurrence: number;
}

export function stopName({ step, occurrence }: Stop): string {
  return occurrence === 1 ? step : `${step} ×${occurrence}`;
}

import { randomUUID } from 'node:crypto';
import type { Approved } from '../../domain/outcome.ts';
import type { Method } from '../../domain/payment.ts';
import type { AuthorizeRequest, Connector, Instrument, StepRequest } from '../connector.ts';

/** What the suite needs to know about the bank behind a connector. */
export interface ContractBank {
  readonly connector: Connector;
  /** The same adapter, on a line to nobody. */
  readonly broken: Connector;
  /** The same adapter, on a line where nobody ever answers. */
  readonly silent: Connector;
  readonly currency: string;
  readonly instruments: Readonly<
    Record<
      'approved' | 'declined' | 'challenged' | 'lateApproval',
      { method: Method; instrument: Instrument }
    >
  >;
  /** By the bank's own books: how often money moved under this key. */
  countMoves(key: string): Promise<number>;
  /** Stands in for the payer on the bank's page. */
  approveAsPayer(reference: string): Promise<void>;
  /** A callback as the bank sends it. */
  callback(key: string): { rawBody: string; headers: Record<string, string> };
  close(): Promise<void>;
}

export const CALL = { timeoutMs: 5_000 };
export const IMPATIENT = { timeoutMs: 200 };
export const AMOUNT = 10_000;
export const TWINS = 8;

export async function held(bank: ContractBank): Promise<StepRequest> {
  const request = authorization(bank);
  const outcome = await bank.connector.authorize(request, CALL);
  expect(outcome.type).toBe('approved');
  return stepOf(request, outcome as Approved);
}

/** The step that comes next, with a new key. */
export async function captured(bank: ContractBank): Promise<StepRequest> {
  const step = await held(bank);
  expect(await bank.connector.capture(step, CALL)).toMatchObject({ type: 'approved' });
  return { ...step, key: newKey('refund') };
}

export function stepOf(
  { orderRef, amount, currency }: AuthorizeRequest,
  { reference }: Approved,
): StepRequest {
  return { key: newKey('step'), orderRef, reference, amount, currency };
}

export function authorization(
  bank: ContractBank,
  instrument: keyof ContractBank['instruments'] = 'approved',
): AuthorizeRequest {
  return {
    key: newKey('authorize'),
    orderRef: `pf_order_${randomUUID().slice(0, 8)}`,
    amount: AMOUNT,
    currency: bank.currency,
    ...bank.instruments[instrument],
    returnUrl: 'http://localhost:8000/pay/return',
  };
}

/** As PayFlow makes them: with a slash inside. */
export function newKey(step: string): string {
  return `${randomUUID()}/${step}`;
}

export function twins<T>(call: () => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: TWINS }, call));
}

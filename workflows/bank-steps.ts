import type { BankStep, StepResult } from '../activities/bank.ts';
import { authorizationOf, type Order } from '../src/domain/order.ts';
import type { Abandonment, Lookup, Outcome, Unknown, VoidOutcome } from '../src/domain/outcome.ts';
import type { Payment } from '../src/domain/payment.ts';
import { wantsCapture } from '../src/domain/settle.ts';
import { isFailedActivity } from './failed-activity.ts';
import { fastBank, slowBank } from './proxies.ts';

/** The order moved on after this step was decided: the bank was not called. */
export class Behind extends Error {}

export const authorize = (step: BankStep): Promise<Lookup> => atBank('authorize', step);
export const capture = (step: BankStep): Promise<Outcome> => atBank('capture', step);
export const refund = (step: BankStep): Promise<Lookup> => atBank('refund', step);
export const abandon = (step: BankStep): Promise<Abandonment> => atBank('abandon', step);
export const voidAuthorization = (step: BankStep): Promise<VoidOutcome> => atBank('voidAuthorization', step);

/** The capture that follows an approval while it may still pay the order, whenever it comes; or null. */
export function captureOf(
  order: Order,
  { step, review }: { step: BankStep; review: boolean },
  outcome: Lookup | null,
): BankStep | null {
  if (outcome?.type !== 'approved' || !wantsCapture(order, { ref: step.paymentRef, review })) return null;
  return { ...step, reference: outcome.reference };
}

/** A step about a payment that the order knows. */
export function stepOf(
  order: Order,
  payment: Payment,
  about: { key: string; amount?: number; acceptedAt?: number },
): BankStep {
  return {
    orderRef: order.ref,
    afterSeq: order.seq,
    paymentRef: payment.ref,
    key: about.key,
    amount: about.amount ?? payment.amount,
    currency: order.currency,
    method: payment.method,
    reference: authorizationOf(payment)?.reference ?? null,
    acceptedAt: about.acceptedAt ?? payment.acceptedAt,
  };
}

type Name = 'authorize' | 'capture' | 'refund' | 'abandon' | 'voidAuthorization';
/** One signature for all steps, so that the two paths are written once. */
type Step<T> = { executeWithOptions(options: { summary: string }, args: [BankStep]): Promise<StepResult<T>> };

/** Inside the workflow task where there is room, else as an activity of its own. A broken line is an outcome. */
async function atBank<T>(name: Name, step: BankStep): Promise<T | Unknown> {
  for (const bank of [fastBank, slowBank]) {
    try {
      const call = bank[name] as unknown as Step<T>;
      const result = await call.executeWithOptions({ summary: name }, [step]);
      if (result.type === 'behind') throw new Behind();
      if (result.type === 'answered') return result.answer;
    } catch (error) {
      if (!isFailedActivity(error)) throw error;
    }
  }
  // What became of the call is not known; the key is the same whenever it is asked for.
  return { type: 'unknown', cause: 'the call did not end' };
}

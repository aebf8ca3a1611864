import { abandoning, abandoningInARace, asking, breaking, callingBack } from './contract/answers.ts';
import type { ContractBank } from './contract/bank.ts';
import { authorizing, capturing, refunding, voiding, waitingForThePayer } from './contract/money.ts';

const FAST_PATH_MS_MAX = 1_000;

/**
 * What every connector must do, whatever bank it talks to. To be called from a test file. What it says
 * it can do is checked too: a connector that loses its `abandon` does not lose the tests silently.
 */
export function connectorContract(
  name: string,
  setup: () => Promise<ContractBank>,
  { canAbandon }: { canAbandon: boolean },
): void {
  describe(`${name} keeps the connector contract`, () => {
    let bank: ContractBank;
    beforeAll(async () => {
      bank = await setup();
    });
    afterAll(() => bank.close());

    const current = () => bank;
    test('says what it can do', () => {
      const { abandon, keyMemoryMs, fastPathMs } = bank.connector.capabilities;
      expect(abandon).toBe(canAbandon);
      expect(keyMemoryMs).toBeGreaterThan(0);
      expect(fastPathMs).toBeLessThanOrEqual(FAST_PATH_MS_MAX);
    });
    describe('holding money', () => authorizing(current));
    describe('a payer who has to act', () => waitingForThePayer(current));
    describe('taking it', () => capturing(current));
    describe('releasing it', () => voiding(current));
    describe('giving it back', () => refunding(current));
    describe('asking', () => asking(current));
    if (canAbandon) {
      describe('giving up', () => abandoning(current));
      describe('giving up while it happens', () => abandoningInARace(current));
    }
    describe('a line that breaks', () => breaking(current));
    describe('callbacks', () => callingBack(current));
  });
}

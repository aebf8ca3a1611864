import type { Pool } from 'pg';
import type { Timing } from './config.ts';
import type { FaultBox } from './faults.ts';

/** What the bank's routes work with. */
export interface BankDeps {
  readonly pool: Pool;
  readonly apiKey: string;
  readonly publicUrl: string;
  readonly faults: FaultBox;
  readonly timing: Timing;
  /** Whether what ends now is put into the queue of callbacks. */
  wantsCallbacks(): boolean;
}

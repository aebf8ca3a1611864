import { onTermination } from '../src/local/termination.ts';

const INTERRUPTED = 130;

/** What has to be ended, the last started first: at the end, after a failure, or on Ctrl-C. */
export type Ending = ReturnType<typeof createEnding>;

export function createEnding() {
  const steps: (() => Promise<void>)[] = [];
  let ending: Promise<void> | null = null;
  return {
    add(step: () => Promise<void>): void {
      steps.push(step);
    },
    /** Once, whoever asks. Each step is tried, whatever became of those before it. */
    run(): Promise<void> {
      ending ??= runAll(steps);
      return ending;
    },
  };
}

/** What a start that is interrupted still has under way fails or is left: the process ends. */
export function endOnRequest(ending: Ending): void {
  const exit = () => process.exit(INTERRUPTED);
  onTermination(process, { stop: () => void ending.run().finally(exit), kill: exit });
}

async function runAll(steps: (() => Promise<void>)[]): Promise<void> {
  const faults: unknown[] = [];
  // Not a walk over a copy: a start that is under way can still add what it has just started.
  for (let step = steps.pop(); step !== undefined; step = steps.pop()) {
    try {
      await step();
    } catch (error) {
      faults.push(error);
    }
  }
  if (faults.length > 0) throw new AggregateError(faults, 'not everything could be ended');
}

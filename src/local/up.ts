import { join } from 'node:path';
import { serverAccount } from './account.ts';
import { type Home, openHome } from './home.ts';
import { endLeftovers, leave, occupy, recordChildren } from './occupancy.ts';
import { Refusal } from './refusal.ts';
import { runFile, summary } from './run-file.ts';
import { type Stack, type StackSettings, startStack } from './stack.ts';
import { createSteps, type Steps } from './steps.ts';
import { createSupervisor, type Supervisor } from './supervisor.ts';
import { onParentDeath, onTermination } from './termination.ts';

export interface UpSettings extends StackSettings {
  readonly home: string;
  /** Throw away the data of this home first. */
  readonly fresh: boolean;
  /** Also end when the process that started us is gone. */
  readonly watchParent: boolean;
  /** The environment of whoever started us; the API and the worker get it too. */
  readonly env: Readonly<Record<string, string>>;
  readonly output: NodeJS.WriteStream;
}

const RUN_FILE = 'run.json';

/** Runs everything on this machine until it is told to stop. Returns the exit code. */
export async function up(settings: UpSettings): Promise<number> {
  const steps = createSteps(settings.output);
  const home = openHome(settings.home);
  try {
    await clearTheWay(home, steps, settings);
  } catch (error) {
    return explain(steps, error);
  }
  let stack: Stack | null = null;
  const supervisor = createSupervisor({
    say: steps.line,
    onPids(pids) {
      recordChildren(home, pids);
      if (stack) home.writeJson(RUN_FILE, runFile({ stack, home: home.folder, pids }));
    },
  });
  const ending = endOnRequest({ home, steps, supervisor, watchParent: settings.watchParent });
  try {
    stack = await startStack({ home, steps, supervisor, env: settings.env }, settings);
    home.writeJson(RUN_FILE, runFile({ stack, home: home.folder, pids: supervisor.pids() }));
    if (!ending.begun()) steps.line(summary(stack, home.folder));
  } catch (error) {
    // A start that is interrupted fails somewhere; that is no news.
    if (!ending.begun()) return ending.fail(explain(steps, error));
  }
  return ending.exitCode;
}

/** Makes the home ours alone, with nothing of an earlier run left in it. */
async function clearTheWay(home: Home, steps: Steps, { fresh, databaseUrl }: UpSettings): Promise<void> {
  const leftovers = occupy(home);
  try {
    const account = databaseUrl === undefined ? serverAccount() : undefined;
    if (leftovers) {
      const ended = await endLeftovers(leftovers, join(home.postgresParent(account), 'postgres'));
      home.remove(RUN_FILE);
      const found = ended.length > 0 ? `stopped its ${ended.join(', ')}` : 'nothing of it still ran';
      steps.line(`The last run in ${home.folder} was killed: ${found}.`);
    }
    if (fresh) {
      steps.line(`Throwing away the data in ${home.folder}: databases, accounts, secrets and logs.`);
      if (databaseUrl !== undefined) steps.line('The database at DATABASE_URL is left as it is.');
      home.throwAway(account);
    }
  } catch (error) {
    leave(home);
    throw error;
  }
}

interface EndingDeps {
  readonly home: Home;
  readonly steps: Steps;
  readonly supervisor: Supervisor;
  readonly watchParent: boolean;
}

/** Ends everything at a signal, or when the process that started us has gone. */
function endOnRequest({ home, steps, supervisor, watchParent }: EndingDeps) {
  let begun: 'stop' | 'kill' | null = null;
  let resolve: (code: number) => void;
  const exitCode = new Promise<number>((settle) => (resolve = settle));
  const end = async (how: 'stop' | 'kill', code: number) => {
    begun = how;
    await supervisor[how]();
    home.remove(RUN_FILE);
    leave(home);
    resolve(code);
  };
  // A signal and the end of our parent can come together, and npm repeats what the terminal sent.
  const stop = () => {
    if (begun !== null) return;
    steps.line('Stopping …');
    void end('stop', 0).then(() => steps.line('Stopped.'));
  };
  const kill = () => {
    if (begun === 'kill') return;
    steps.line('Stopping at once.');
    void end('kill', 1);
  };
  onTermination(process, { stop, kill });
  if (watchParent) onParentDeath(stop);
  return {
    begun: () => begun !== null,
    exitCode,
    async fail(code: number): Promise<number> {
      await end('stop', code);
      return code;
    },
  };
}

function explain(steps: Steps, error: unknown): 1 {
  const { message, stack = message } = error as Error;
  steps.line(`\nPayFlow cannot start: ${error instanceof Refusal ? message : stack}`);
  return 1;
}

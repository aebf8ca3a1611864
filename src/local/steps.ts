import colors from 'picocolors';

export interface Steps {
  /** Says what is done and how long it took; after a second, that it is still going on. */
  step<T>(title: string, work: (note: (text: string) => void) => Promise<T>): Promise<T>;
  line(text: string): void;
}

const PROGRESS_MS = 1_000;
const SPIN_MS = 100;
const REMINDER_MS = 10_000;
// Of a terminal that does not tell its width.
const COLUMNS = 80;
const FRAMES = '⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏';

/** Progress for people: a spinner in a terminal, plain lines in a log. */
export function createSteps(output: NodeJS.WriteStream): Steps {
  // Whoever reads us may have gone (`npm start | head`): that must not end the processes.
  output.on('error', () => {});
  const line = (text: string) => void output.write(`${text}\n`);
  return {
    line,
    async step(title, work) {
      const begun = Date.now();
      let note = '';
      const seconds = () => `${((Date.now() - begun) / 1000).toFixed(1)} s`;
      const full = () => (note === '' ? title : `${title}: ${note}`);
      const stop = output.isTTY
        ? spin(output, () => `${full()} ${seconds()}`)
        : remind(() => line(`  ${full()} … ${seconds()}`));
      try {
        const result = await work((text) => (note = text));
        stop();
        line(`${colors.green('✓')} ${full()} ${colors.dim(`(${seconds()})`)}`);
        return result;
      } catch (error) {
        stop();
        line(`${colors.red('✗')} ${full()} ${colors.dim(`(${seconds()})`)}`);
        throw error;
      }
    },
  };
}

function spin(output: NodeJS.WriteStream, text: () => string): () => void {
  let turn = 0;
  const timer = setInterval(() => {
    // Cut to the width: a line that wraps could not be overwritten.
    const line = `${FRAMES[turn++ % FRAMES.length]} ${text()}`.slice(0, (output.columns || COLUMNS) - 1);
    output.write(`\r\x1b[K${line}`);
  }, SPIN_MS);
  return () => {
    clearInterval(timer);
    output.write('\r\x1b[K');
  };
}

function remind(say: () => void): () => void {
  const first = setTimeout(say, PROGRESS_MS);
  const later = setInterval(say, REMINDER_MS);
  return () => {
    clearTimeout(first);
    clearInterval(later);
  };
}

export interface Bell {
  readonly ring: () => void;
  /** Until it rings, or for `ms`. If it has rung since the last wait, not at all. */
  wait(ms: number): Promise<void>;
}

/** For one waiter: something happened, look again. */
export function createBell(): Bell {
  let rung = false;
  let wake = () => {};
  return {
    ring() {
      rung = true;
      wake();
    },
    async wait(ms) {
      if (!rung) {
        let timer: NodeJS.Timeout | undefined;
        await new Promise<void>((resolve) => {
          wake = resolve;
          timer = setTimeout(resolve, ms);
        });
        clearTimeout(timer);
      }
      rung = false;
    },
  };
}

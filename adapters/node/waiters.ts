/** Those who wait for something to change, and are woken all at once. */
export type Waiters = {
  /** Resolves at the next `wake`, and when the signal fires. */
  readonly wait: (signal: AbortSignal) => Promise<void>;
  readonly wake: () => void;
};

export const createWaiters = (): Waiters => {
  let waiting = new Set<() => void>();
  return {
    wait: (signal) =>
      new Promise((resolve) => {
        if (signal.aborted) return resolve();
        const done = () => {
          signal.removeEventListener('abort', done);
          waiting.delete(done);
          resolve();
        };
        signal.addEventListener('abort', done);
        waiting.add(done);
      }),
    wake: () => {
      const woken = waiting;
      waiting = new Set();
      for (const done of woken) done();
    },
  };
};

/** Work that nobody waits for: an answer must not take longer, or tell more, because of it. */
export type Background = {
  readonly begin: (doing: string, work: () => Promise<unknown>) => void;
  /** All that was begun is over: at shutdown, and in tests. */
  readonly settled: () => Promise<void>;
};

/** @param report gets what failed */
export const createBackground = (report: (error: unknown, doing: string) => void): Background => {
  const running = new Set<Promise<void>>();
  return {
    begin: (doing, work) => {
      const run = work()
        .catch((error: unknown) => report(error, doing))
        .then(() => {
          running.delete(run);
        });
      running.add(run);
    },
    settled: async () => {
      while (running.size > 0) await Promise.all(running);
    },
  };
};

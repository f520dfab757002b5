/** Runs `work`; whatever it left to be ended is ended after it, the last first, however it went. */
export const closingAll = async <Result>(
  work: (later: (end: () => Promise<unknown>) => void) => Promise<Result>,
): Promise<Result> => {
  const ends: (() => Promise<unknown>)[] = [];
  try {
    return await work((end) => ends.unshift(end));
  } finally {
    for (const end of ends) await end();
  }
};

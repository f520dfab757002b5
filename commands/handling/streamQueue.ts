/** One at a time per stream, in the order of asking: equal users' commands in one process do not fight in the store. */
export type StreamQueue = <T>(stream: string, work: () => Promise<T>) => Promise<T>;

export const streamQueue = (): StreamQueue => {
  const tails = new Map<string, Promise<unknown>>();
  return (stream, work) => {
    const turn = (tails.get(stream) ?? Promise.resolve()).then(work);
    const tail = turn.then(ended, ended);
    tails.set(stream, tail);
    void tail.then(() => {
      if (tails.get(stream) === tail) tails.delete(stream);
    });
    return turn;
  };
};

// How one turn ended is its own caller's business; the next begins all the same.
const ended = () => {};

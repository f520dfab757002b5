/** Takes turns on the thread with whatever comes from outside: see `createTurns`. */
export type Turns = {
  /** Runs `work` soon: at once where nothing waits, else after what waits. */
  readonly take: (work: () => void) => void;
};

export type TurnsOptions = {
  /** How long what waits may hold the thread, together, before what came from outside meanwhile is looked at. */
  readonly sliceMs: number;
  /** Milliseconds that never go back. */
  readonly now: () => number;
};

/**
 * Lets work that comes in crowds (sixty commands whose shared transaction has just ended) go on one after the other, some
 * milliseconds at a time. Between, the thread takes in what has arrived: a key that is to be verified never waits for
 * the whole crowd. A piece of work counts with all that follows from it before it waits for something itself.
 */
export const createTurns = ({ sliceMs, now }: TurnsOptions): Turns => {
  let waiting: (() => void)[] = [];
  let next = 0;
  let going = false;
  let until = 0;

  const one = () => {
    const work = waiting[next++];
    if (next === waiting.length) {
      waiting = [];
      next = 0;
    }
    // Promises that the work has settled are gone through first: only then it is known how long it took.
    queueMicrotask(() => process.nextTick(goOn));
    work?.();
  };

  const goOn = () => {
    if (next === waiting.length) going = false;
    else if (now() < until) one();
    else setImmediate(begin);
  };

  const begin = () => {
    until = now() + sliceMs;
    one();
  };

  return {
    take: (work) => {
      waiting.push(work);
      if (going) return;
      going = true;
      setImmediate(begin);
    },
  };
};

/** Those of this thread. */
export const turns = createTurns({ sliceMs: 1, now: () => performance.now() });

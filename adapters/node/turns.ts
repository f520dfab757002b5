/** Takes turns on the thread with requests that are answered at once: see `createTurns`. */
export type Turns = {
  /** Runs `work`: at once where nobody is in a hurry, else soon, after what waits. */
  readonly take: (work: () => void) => void;
  /** A request came that must not wait for a crowd. */
  readonly visited: () => void;
  /** Such requests come at the moment. */
  readonly isHurried: () => boolean;
};

export type TurnsOptions = {
  /** How long what waits may hold the thread, together, before what came from outside meanwhile is looked at. */
  readonly sliceMs: number;
  /** How long after a visitor the next is expected. */
  readonly quietMs: number;
  /** Milliseconds that never go back. */
  readonly now: () => number;
};

/**
 * Lets work that comes in crowds (sixty commands whose shared transaction has just ended) go on one after the other, some
 * milliseconds at a time, as long as there are others to let through: a key that is to be verified never waits for the
 * whole crowd. A piece of work counts with all that follows from it before it waits for something itself. A crowd that
 * is cut in pieces shares less, so where nobody is let through by it, none is cut.
 */
export const createTurns = ({ sliceMs, quietMs, now }: TurnsOptions): Turns => {
  let waiting: (() => void)[] = [];
  let next = 0;
  let going = false;
  let until = 0;
  // Visitors are counted and not asked for the time: there are many more of them than of what they pass.
  let visits = 0;
  let seen = 0;
  let seenAt = Number.NEGATIVE_INFINITY;

  const isHurried = () => {
    const at = now();
    if (visits !== seen) {
      seen = visits;
      seenAt = at;
    }
    return at - seenAt < quietMs;
  };

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
      if (!going && !isHurried()) return work();
      waiting.push(work);
      if (going) return;
      going = true;
      setImmediate(begin);
    },
    visited: () => {
      visits += 1;
    },
    isHurried,
  };
};

/**
 * Those of this thread. A slice is hardly more than one piece of work: verification goes first. Beside 64 writers who
 * never pause, on two cores, its p99 was 2.3 to 2.9 times that without them, for 500 to 600 changes a second; with half
 * a millisecond 4.2 times, for 1,200.
 */
export const turns = createTurns({ sliceMs: 0.1, quietMs: 1_000, now: () => performance.now() });

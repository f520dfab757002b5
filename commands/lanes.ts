import { Failure } from './failure.ts';

/**
 * Costly work by who asks for it: of each only a few at a time, the rest in line behind them, so that one client who
 * asks for a hundred password checks at once does not fill the queue that all others stand in.
 */
export type Lanes = {
  /** @throws Failure too-busy where the line is full */
  readonly inLane: <T>(lane: string, work: () => Promise<T>) => Promise<T>;
};

type Lane = { running: number; readonly waiting: (() => void)[] };

/** @param width how many of one lane run at once @param room how many more may wait */
export const createLanes = (width = 2, room = 32): Lanes => {
  const lanes = new Map<string, Lane>();

  const enter = async (lane: Lane): Promise<void> => {
    if (lane.running < width) {
      lane.running += 1;
      return;
    }
    if (lane.waiting.length >= room) throw new Failure('too-busy', 'too many attempts of one client at once');
    // Whoever leaves hands their place over: `running` stays as it is.
    await new Promise<void>((resolve) => lane.waiting.push(resolve));
  };

  const leave = (name: string, lane: Lane) => {
    const next = lane.waiting.shift();
    if (next) next();
    else lane.running -= 1;
    if (lane.running === 0) lanes.delete(name);
  };

  return {
    inLane: async (name, work) => {
      const lane = lanes.get(name) ?? { running: 0, waiting: [] };
      lanes.set(name, lane);
      await enter(lane);
      try {
        return await work();
      } finally {
        leave(name, lane);
      }
    },
  };
};

import { Failure } from '../failure.ts';

/**
 * Costly work by who asks for it: of each only a few at a time, the rest in line behind them, so that one client who
 * asks for a hundred password checks at once does not fill the queue that all others stand in. All strangers together
 * have a line of their own: however many addresses they come from, who is known here passes them.
 */
export type Lanes = {
  /** @throws Failure too-busy where the line is full */
  readonly inLane: <T>(lane: string, work: () => Promise<T>) => Promise<T>;
  /** The same for whoever is not known here. */
  readonly inStrangersLane: <T>(lane: string, work: () => Promise<T>) => Promise<T>;
};

/** How many run at once, and how many more may wait. */
type Room = { readonly width: number; readonly room: number };

type Lane = { running: number; readonly waiting: (() => void)[] };

const lanesOf = ({ width, room }: Room): Lanes['inLane'] => {
  const lanes = new Map<string, Lane>();

  const enter = async (lane: Lane): Promise<void> => {
    if (lane.running < width) {
      lane.running += 1;
      return;
    }
    if (lane.waiting.length >= room) throw new Failure('too-busy', 'too many attempts at once');
    // Whoever leaves hands their place over: `running` stays as it is.
    await new Promise<void>((resolve) => lane.waiting.push(resolve));
  };

  const leave = (name: string, lane: Lane) => {
    const next = lane.waiting.shift();
    if (next) next();
    else lane.running -= 1;
    if (lane.running === 0) lanes.delete(name);
  };

  return async (name, work) => {
    const lane = lanes.get(name) ?? { running: 0, waiting: [] };
    lanes.set(name, lane);
    await enter(lane);
    try {
      return await work();
    } finally {
      leave(name, lane);
    }
  };
};

/** @param each of one client @param strangers of all of them together */
export const createLanes = (each: Room = { width: 2, room: 32 }, strangers: Room = { width: 8, room: 64 }): Lanes => {
  const inLane = lanesOf(each);
  const ofAll = lanesOf(strangers);
  return { inLane, inStrangersLane: (lane, work) => inLane(lane, () => ofAll('strangers', work)) };
};

import type { RevocationMessage } from '../types.ts';

/** Whether a position is beyond another; null stands before all. */
export const isBeyond = (position: string | null, other: string | null): boolean =>
  position !== null && (other === null || position > other);

// More than that and the oldest are forgotten: they will come again, over HTTP.
const mostAhead = 1000;

type Ahead = Pick<RevocationMessage, 'position' | 'previous'>;

/** How far the feed was heard without a gap, in which log. */
export const createPlace = () => {
  let epoch: string | null = null;
  let position: string | null = null;
  let head: string | null = null;
  let lastReceived: string | null = null;
  let from: string | null = null;
  // Messages beyond a gap.
  let ahead: readonly Ahead[] = [];

  /** What came too early may follow now. */
  const stitch = () => {
    for (;;) {
      ahead = ahead.filter((message) => isBeyond(message.position, position));
      const next = ahead.find(({ previous }) => !isBeyond(previous, position));
      if (next === undefined) return;
      position = next.position;
    }
  };

  const reach = (reached: string | null) => {
    if (isBeyond(reached, head)) head = reached;
    if (!isBeyond(reached, position)) return;
    position = reached;
    stitch();
  };

  return {
    /** Null as long as it is not known where to go on from. */
    epoch: () => epoch,
    /** Everything up to here was heard. */
    position: () => position,
    /** The furthest position that the server spoke of. */
    head: () => head,
    /** Position of the furthest message: answers from before it are not wanted. */
    lastReceived: () => lastReceived,
    /** Where it went on from: what happened before was never heard. */
    from: () => from,
    hasGap: () => ahead.length > 0,

    /** Goes on from the head of a log. */
    adopt: (newEpoch: string, newHead: string | null): void => {
      epoch = newEpoch;
      position = newHead;
      head = newHead;
      from = newHead;
      lastReceived = null;
      ahead = [];
    },

    /** Another log: where to go on from must be asked. */
    leave: (): void => {
      epoch = null;
      lastReceived = null;
      ahead = [];
    },

    reach,

    /** @returns whether it is heard for the first time */
    take: ({ position: at, previous }: RevocationMessage): boolean => {
      if (isBeyond(at, lastReceived)) lastReceived = at;
      if (isBeyond(at, head)) head = at;
      if (!isBeyond(at, position) || ahead.some((message) => message.position === at)) return false;
      if (isBeyond(previous, position)) ahead = [...ahead, { position: at, previous }].slice(-mostAhead);
      else reach(at);
      return true;
    },
  };
};

export type Place = ReturnType<typeof createPlace>;

import type { Heartbeat } from '../shapes.ts';
import { isBeyond } from './place.ts';
import type { Surroundings } from './surroundings.ts';

// How long a heartbeat may speak of a message that has not come yet.
const gapMs = 250;

type Early = { readonly heartbeat: Heartbeat; readonly came: number };

/**
 * A heartbeat that speaks of a message which has not come yet: it counts once that has come.
 * @param overdue the message takes too long: there is a gap
 */
export const createEarly = (after: Surroundings['after'], overdue: () => void) => {
  let early: Early | null = null;
  let stopTimer = () => {};

  const drop = () => {
    early = null;
    stopTimer();
  };

  const startTimer = () => {
    stopTimer = after(gapMs, () => {
      early = null;
      overdue();
    });
  };

  return {
    /** The first of several counts the time, the last one what is awaited. @param came monotonic */
    keep: (heartbeat: Heartbeat, came: number): void => {
      if (early === null) startTimer();
      early = { heartbeat, came };
    },

    /** @returns the one that counts now that everything up to a position was heard; null: none */
    take: (position: string | null): Early | null => {
      if (early === null || isBeyond(early.heartbeat.lastMessage, position)) return null;
      const taken = early;
      drop();
      return taken;
    },

    drop,
  };
};

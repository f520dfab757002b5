import type { Surroundings } from './surroundings.ts';

// More than that at once, and it is no correction.
const leapMs = 3_000;

/** This machine's clock, looked at several times a second: a look for each use takes as long as all else. */
export const createClock = ({ monotonic, wall }: Pick<Surroundings, 'monotonic' | 'wall'>) => {
  let offset = wall() - monotonic();

  return {
    /** Milliseconds since 1970 at a monotonic time. */
    at: (now: number): number => now + offset,

    /**
     * @returns whether it was set forward, or the machine slept: monotonic time stands still then on some, and proofs age
     * by it
     */
    look: (now: number): boolean => {
      const before = offset;
      offset = wall() - now;
      return offset > before + leapMs;
    },
  };
};

export type Clock = ReturnType<typeof createClock>;

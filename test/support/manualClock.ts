import type { Clock } from '../../commands/environment.ts';

/** A clock that stands still until it is moved. `now` may also be set back; `monotonic` only ever advances. */
export type ManualClock = Clock & {
  /** @param ms both clocks go forward by so much */
  readonly advance: (ms: number) => void;
  /** @param ms milliseconds since 1970: somebody set the wall clock */
  readonly set: (ms: number) => void;
};

export const createManualClock = (start = Date.UTC(2027, 0, 1)): ManualClock => {
  let now = start;
  let monotonic = 0;
  return {
    now: () => now,
    monotonic: () => monotonic,
    advance: (ms) => {
      now += ms;
      monotonic += ms;
    },
    set: (ms) => {
      now = ms;
    },
  };
};

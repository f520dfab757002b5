import { setImmediate } from 'node:timers/promises';
import type { Clock, Scheduler } from '../../commands/environment.ts';

/** Time that stands still until a test moves it, and the sleepers that it wakes. */
export type ManualTime = Clock &
  Scheduler & {
    /** Moves both clocks, waking in order who sleeps until then, and lets everything settle after each. */
    readonly advance: (ms: number) => Promise<void>;
    /** Somebody set the wall clock; the other goes its way. */
    readonly setWall: (ms: number) => void;
    /** Lets everything that needs no time happen. */
    readonly settle: () => Promise<void>;
    readonly sleepers: () => number;
  };

export const createManualTime = (start = Date.UTC(2027, 0, 1)): ManualTime => {
  let wall = start;
  let monotonic = 1000;
  const sleepers = new Set<{ readonly at: number; readonly wake: () => void }>();

  // Sockets and stores of a test take a few turns of the event loop.
  const settle = async () => {
    for (let turn = 0; turn < 20; turn++) await setImmediate();
  };

  return {
    now: () => wall,
    monotonic: () => monotonic,
    sleep: async (ms, signal) => {
      if (signal?.aborted) return;
      if (!(ms > 0)) {
        await setImmediate();
        return;
      }
      await new Promise<void>((resolve) => {
        const sleeper = { at: monotonic + ms, wake: () => end() };
        const end = () => {
          sleepers.delete(sleeper);
          signal?.removeEventListener('abort', end);
          resolve();
        };
        sleepers.add(sleeper);
        signal?.addEventListener('abort', end);
      });
    },
    advance: async (ms) => {
      const target = monotonic + ms;
      for (;;) {
        await settle();
        const next = [...sleepers].filter(({ at }) => at <= target).sort((a, b) => a.at - b.at)[0];
        const step = (next?.at ?? target) - monotonic;
        monotonic += step;
        wall += step;
        if (next === undefined) return;
        next.wake();
      }
    },
    setWall: (ms) => {
      wall = ms;
    },
    settle,
    sleepers: () => sleepers.size,
  };
};

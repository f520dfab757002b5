import { setImmediate } from 'node:timers/promises';
import type { Scheduler } from '../../commands/environment.ts';

/** A timer set further ahead fires at once. */
const longestTimer = 2 ** 31 - 1;

/** What the scheduler stands on; a test hands in timers of its own. */
export type Timers = {
  readonly set: (callback: () => void, ms: number) => unknown;
  readonly clear: (timer: never) => void;
};

const nodeTimers: Timers = { set: (callback, ms) => setTimeout(callback, ms), clear: (timer) => clearTimeout(timer) };

export const systemScheduler = (timers: Timers = nodeTimers): Scheduler => ({
  sleep: async (ms, signal) => {
    for (let left = ms; left > 0 && !signal?.aborted; left -= longestTimer) {
      await pause(timers, Math.min(left, longestTimer), signal);
    }
    // Also a sleep of nothing lets go of the thread: it is how long work is cut in pieces. No timer is as short.
    if (!(ms > 0) && !signal?.aborted) await setImmediate();
  },
});

const pause = (timers: Timers, ms: number, signal: AbortSignal | undefined): Promise<void> =>
  new Promise((resolve) => {
    const end = () => {
      timers.clear(timer as never);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = timers.set(end, ms);
    signal?.addEventListener('abort', end);
  });

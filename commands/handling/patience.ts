import type { Clock, Randomness, Scheduler } from '../environment.ts';
import { failedWith } from '../failure.ts';

export type Waiting = { readonly clock: Clock; readonly scheduler: Scheduler; readonly randomness: Randomness };

/** How long a command goes on trying to reach a store, or to win a stream, before it gives up with 503. */
export const patienceMs = 2_000;

export type Patience = {
  /** Sleeps a little, longer each time and never as long as another. @returns false where the time is over */
  readonly another: () => Promise<boolean>;
};

export const patience = ({ clock, scheduler, randomness }: Waiting, ms: number = patienceMs): Patience => {
  const end = clock.monotonic() + ms;
  let longest = 8;
  return {
    another: async () => {
      const left = end - clock.monotonic();
      if (left <= 0) return false;
      const part = (1 + randomness.bytes(1)[0]!) / 256;
      await scheduler.sleep(Math.min(left, Math.max(1, longest * part)));
      longest = Math.min(longest * 2, 256);
      return true;
    },
  };
};

/** Again while the store cannot answer and there is time; for what may be done twice. Then its last failure. */
export const persistently = async <T>(waiting: Waiting, act: () => Promise<T>): Promise<T> => {
  const trying = patience(waiting);
  for (;;) {
    try {
      return await act();
    } catch (error) {
      if (!failedWith(error, 'store-unavailable') || !(await trying.another())) throw error;
    }
  }
};

import type { Clock, Scheduler } from '../../commands/environment.ts';
import { unavailable } from './errors.ts';

export type Time = Pick<Clock, 'monotonic'> & Scheduler;

/** Why a sleep ends; making an error for it would cost more than all the rest. */
export const over = 'over';

/** Milliseconds. */
export type Patience = {
  /** For one call to be answered. */
  readonly call: number;
  /** For an append whose outcome is open, over all its tries. */
  readonly append: number;
  /** For a read, over all its tries. */
  readonly read: number;
};

/**
 * What a promise brings, if it comes in time; the client's own deadlines do not hold for every call. What comes later
 * is not looked at.
 * @param onLate before it rejects
 * @throws Failure store-unavailable
 */
export const within = async <Result>(
  scheduler: Scheduler,
  ms: number,
  promise: Promise<Result>,
  onLate: () => void,
): Promise<Result> => {
  const answered = new AbortController();
  const late = scheduler.sleep(ms, answered.signal).then(() => {
    if (answered.signal.aborted) return promise;
    onLate();
    throw unavailable(`no answer for ${ms} ms`);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    answered.abort(over);
    // The loser of the race is nobody's error.
    late.catch(() => {});
  }
};

const firstPause = 20;
const longestPause = 1_000;

/** How long to rest after so many failures in a row. */
export const pauseAfter = (failures: number): number =>
  Math.min(firstPause * 2 ** Math.min(failures - 1, 10), longestPause);

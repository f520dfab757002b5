import type { Clock, Scheduler } from '../commands/environment.ts';
import { OperationError } from './operations.ts';

/** How long a start waits for servers that start beside it. */
export const patienceMs = 60_000;
const askAgainMs = 1_000;

/**
 * Repeats what fails because a server does not answer yet.
 * @returns null where the signal fired while nobody had answered
 * @throws OperationError where nobody did in a minute
 */
export const onceItAnswers = async <T>(
  work: () => Promise<T>,
  parts: {
    readonly mayYetAnswer: (error: unknown) => error is Error;
    readonly clock: Clock;
    readonly scheduler: Scheduler;
    readonly signal: AbortSignal;
    /** Told of each time in vain. */
    readonly waiting: (error: Error) => void;
  },
): Promise<T | null> => {
  const { clock, scheduler, signal } = parts;
  const until = clock.monotonic() + patienceMs;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!parts.mayYetAnswer(error)) throw error;
      if (signal.aborted) return null;
      if (clock.monotonic() >= until) throw new OperationError(error.message);
      parts.waiting(error);
      await scheduler.sleep(askAgainMs, signal);
      if (signal.aborted) return null;
    }
  }
};

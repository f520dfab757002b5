import type { Clock, Scheduler } from '../commands/environment.ts';
import { type Instant, instant } from '../domain/instant.ts';

export type WorkerStatus = 'starting' | 'running' | 'failing' | 'stopped';

/** What operators see of a worker. Never personal data: `lastError` is the message of an error of ours or of a driver. */
export type WorkerState = {
  readonly status: WorkerStatus;
  /** In a row. */
  readonly failures: number;
  readonly lastError: string | null;
  /** When it last did its part, or found that there was nothing to do. */
  readonly lastSuccessAt: Instant | null;
  /** Where in the log it stands, for those that follow it. */
  readonly position?: string | null;
};

/** Something that runs by itself until the signal fires; then `run` resolves within a second. It never rejects. */
export type Worker = {
  readonly name: string;
  readonly state: () => WorkerState;
  readonly run: (signal: AbortSignal) => Promise<void>;
};

/** As pino has it: fields first. */
export type WorkerLog = {
  readonly info: (fields: object, message: string) => void;
  readonly warn: (fields: object, message: string) => void;
  readonly error: (fields: object, message: string) => void;
};

export type WorkerParts = { readonly clock: Clock; readonly scheduler: Scheduler; readonly log: WorkerLog };

/** How a worker waits after a step that went well: some milliseconds, or for something to happen. */
export type Pause = number | ((signal: AbortSignal) => Promise<void>);

const firstRetryMs = 100;
/** A store that is back finds them all at work again soon; for one that is away, it is a few calls a second. */
const lastRetryMs = 5_000;
const longestGoodbyeMs = 900;

/**
 * Repeats a step until it is told to stop. A step that fails is logged and tried again, each time after twice as long,
 * at most five seconds or what `more` says: whatever is wrong outside, the process goes on.
 */
export const worker = (
  parts: WorkerParts,
  name: string,
  step: (signal: AbortSignal) => Promise<Pause>,
  more: {
    readonly position?: () => string | null;
    readonly lastly?: () => Promise<void>;
    /** Where five seconds are too long. */
    readonly longestRetryMs?: number;
  } = {},
): Worker => {
  const { clock, scheduler, log } = parts;
  let state: WorkerState = { status: 'starting', failures: 0, lastError: null, lastSuccessAt: null };
  let stopped = false;

  const failed = (error: unknown) => {
    const failures = state.failures + 1;
    state = { ...state, status: 'failing', failures, lastError: messageOf(error) };
    // The first few, then each time the wait doubles no more: a store that is away for an hour fills no disk.
    if (failures <= 10 || failures % 10 === 0)
      log.warn({ worker: name, failures, err: error }, 'a worker failed and tries again');
  };

  const attempt = async (signal: AbortSignal): Promise<Pause> => {
    try {
      const pause = await step(signal);
      if (state.failures > 0) log.info({ worker: name, failures: state.failures }, 'a worker works again');
      state = { status: 'running', failures: 0, lastError: null, lastSuccessAt: instant(clock.now()) };
      return pause;
    } catch (error) {
      // Whoever stops everything closes the stores under a step that takes long.
      if (signal.aborted) return 0;
      failed(error);
      return Math.min(more.longestRetryMs ?? lastRetryMs, firstRetryMs * 2 ** Math.min(state.failures - 1, 20));
    }
  };

  const failedWaiting = (error: unknown, signal: AbortSignal) => {
    failed(error);
    return scheduler.sleep(firstRetryMs, signal);
  };

  const repeat = async (signal: AbortSignal) => {
    while (!signal.aborted) {
      const pause = await attempt(signal);
      if (signal.aborted) break;
      if (typeof pause === 'number') await scheduler.sleep(pause, signal);
      else await pause(signal).catch((error: unknown) => failedWaiting(error, signal));
    }
    await more.lastly?.().catch(failed);
  };

  return {
    name,
    // A step that outlived the goodbye may still end; the worker has stopped all the same.
    state: () => ({
      ...state,
      ...(stopped && { status: 'stopped' as const }),
      ...(more.position && { position: more.position() }),
    }),
    run: async (signal) => {
      await endsSoonAfter(repeat(signal), signal, scheduler);
      stopped = true;
    },
  };
};

/** A call to a store that hangs holds nobody up. */
const endsSoonAfter = async (work: Promise<void>, signal: AbortSignal, scheduler: Scheduler): Promise<void> => {
  const done = new AbortController();
  const working = work.finally(() => done.abort());
  const told = new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true, signal: done.signal });
  });
  await Promise.race([working, told]);
  await Promise.race([working, scheduler.sleep(longestGoodbyeMs, done.signal)]);
};

/** Resolves when the signal fires. */
export const fired = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });

/** Of an error, what may be shown and kept: its message, not its fields, and not too much of it. */
export const messageOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).slice(0, 300);

/** Until something happens or some time has passed, whichever is first; whatever was still waiting is let go. */
export const either = async (
  signal: AbortSignal,
  ...waits: readonly ((signal: AbortSignal) => Promise<void>)[]
): Promise<void> => {
  const done = new AbortController();
  // Without a reason each abort makes an error, with its stack, that nobody looks at.
  const stop = () => done.abort('over');
  if (signal.aborted) return;
  // By hand: AbortSignal.any would hang one more signal on a signal that lives as long as the process, at every wait.
  signal.addEventListener('abort', stop, { once: true });
  try {
    await Promise.race(waits.map((wait) => wait(done.signal)));
  } finally {
    signal.removeEventListener('abort', stop);
    stop();
  }
};

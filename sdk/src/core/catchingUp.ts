import { refusedWith, VerifierUnavailable } from '../errors.ts';
import { type Page, pageOf } from '../shapes.ts';
import type { RevocationMessage } from '../types.ts';
import type { Calls } from './calls.ts';
import { isBeyond } from './place.ts';
import type { Surroundings } from './surroundings.ts';

const pageSize = 1000;
// Between one reading and the next, whatever calls for it.
const betweenMs = 100;
const longestPauseMs = 1_000;

/** What is told while the feed is read over HTTP. */
export type Reading = {
  /** Null: it is not known where to go on from. */
  readonly place: () => { readonly epoch: string | null; readonly position: string | null };
  /** Goes on from the head of a log. */
  readonly adopt: (epoch: string, head: string | null) => void;
  readonly message: (message: RevocationMessage) => void;
  /** There is another log, or this one is not what it was: everything is forgotten. */
  readonly restarted: () => void;
  /** Everything up to the head was heard. @param sentAt when the last page was asked for @param date of its answer */
  readonly end: (head: string | null, sentAt: number, date: number | undefined) => void;
  /** Nobody has asked for another reading since this one began. */
  readonly done: () => void;
  /** @param error why it came to no end */
  readonly failed: (error: unknown) => void;
};

const queryOf = (epoch: string, position: string | null) =>
  `?${position === null ? '' : `after=${encodeURIComponent(position)}&`}epoch=${encodeURIComponent(epoch)}&limit=${pageSize}`;

const isOfAnother = (page: Page, epoch: string) =>
  page.epoch !== epoch || page.items.some((message) => message.epoch !== epoch);

/** Reads the feed from where it was heard to, as often as somebody wants that. */
export const createCatchingUp = (
  calls: Pick<Calls, 'send'>,
  reading: Reading,
  surroundings: Pick<Surroundings, 'monotonic' | 'after' | 'random'>,
) => {
  const { monotonic, after, random } = surroundings;
  let wanted = false;
  let running = false;
  let closed = false;
  let begunAt = Number.NEGATIVE_INFINITY;

  const ask = async (path: string) => {
    const { status, body, date } = await calls.send('GET', path);
    if (status === 410) return { status, page: null, date };
    if (status !== 200) throw refusedWith(status);
    const page = pageOf(body);
    if (page === null) throw new VerifierUnavailable('unusable-answer', status);
    return { status, page, date };
  };

  /** @returns whether it came to the end */
  const readToEnd = async (): Promise<boolean> => {
    while (!closed) {
      const { epoch, position } = reading.place();
      const sentAt = monotonic();
      const { status, page, date } = await ask(
        `/v1/revocations${epoch === null ? '?limit=1' : queryOf(epoch, position)}`,
      );
      if (epoch !== null && (status === 410 || (page !== null && isOfAnother(page, epoch)))) {
        reading.restarted();
        continue;
      }
      if (page === null) return false;
      if (epoch === null) reading.adopt(page.epoch, page.head);
      else if (page.items.length > 0) {
        for (const message of page.items) reading.message(message);
        // Whoever serves it may cut pages shorter than was asked for: only an empty one is the end.
        if (isBeyond(reading.place().position, position)) continue;
        return false;
      }
      reading.end(page.head, sentAt, date);
      return true;
    }
    return false;
  };

  const run = async () => {
    running = true;
    begunAt = monotonic();
    for (let pauseMs = betweenMs; wanted && !closed; ) {
      wanted = false;
      let ended = false;
      try {
        ended = await readToEnd();
      } catch (error) {
        reading.failed(error);
      }
      if (ended && !wanted) reading.done();
      wanted ||= !ended;
      pauseMs = ended ? betweenMs : Math.min(2 * pauseMs, longestPauseMs);
      if (wanted && !closed) await pause(pauseMs * (0.5 + random() / 2));
    }
    running = false;
  };

  let wake = () => {};
  const pause = (ms: number) =>
    new Promise<void>((resolve) => {
      const callOff = after(ms, resolve);
      wake = () => {
        callOff();
        resolve();
      };
    });

  return {
    /** What is asked for while one reading is on its way gets another one after it. */
    want: (): void => {
      wanted = true;
      if (!running && !closed) void run();
    },

    /** When the last one was begun that is over. */
    begunAt: () => begunAt,
    isRunning: () => running,

    close: (): void => {
      closed = true;
      wake();
    },
  };
};

import type { FeedPlace, Hearing, Surroundings } from './surroundings.ts';

// A server sends something every second: one that is silent for so long is asked anew.
const silenceMs = 3_000;
const shortestPauseMs = 50;
const longestPauseMs = 1_000;

/** Keeps a connection to the feed: one that ends, or says nothing, is followed by another. */
export const createConnection = (
  // When it is told, the place is known.
  hearing: Omit<Hearing, 'closed'> & { readonly closed: (status: number | undefined, cause: unknown) => void },
  place: () => FeedPlace | null,
  connecting: (now: number) => void,
  surroundings: Pick<Surroundings, 'follow' | 'monotonic' | 'after' | 'random'>,
) => {
  const { follow, monotonic, after, random } = surroundings;
  let end: (() => void) | null = null;
  let callOff = () => {};
  let pauseMs = shortestPauseMs;
  let heardAt = 0;
  let startedAt = 0;
  let closed = false;

  const start = () => {
    callOff();
    const from = place();
    if (from === null || closed) return;
    startedAt = monotonic();
    heardAt = startedAt;
    connecting(startedAt);
    let isOver = false;
    const whileOpen =
      <Told extends unknown[]>(tell: (...told: Told) => void) =>
      (...told: Told) => {
        if (isOver) return;
        heardAt = monotonic();
        tell(...told);
      };
    const leave = follow(from, {
      opened: whileOpen(hearing.opened),
      message: whileOpen(hearing.message),
      heartbeat: whileOpen(hearing.heartbeat),
      spoilt: whileOpen(hearing.spoilt),
      closed: whileOpen((status, cause) => {
        isOver = true;
        end = null;
        hearing.closed(status, cause);
        startLater();
      }),
    });
    end = () => {
      isOver = true;
      end = null;
      leave();
    };
    if (isOver) end = null;
  };

  const startLater = () => {
    callOff();
    callOff = after(pauseMs * (0.5 + random() / 2), start);
    pauseMs = Math.min(2 * pauseMs, longestPauseMs);
  };

  return {
    /** From the place as it is now. */
    begin: (): void => {
      end?.();
      start();
    },

    end: (): void => {
      callOff();
      end?.();
    },

    /** Ends this one and begins another. */
    renew: (): void => {
      end?.();
      startLater();
    },

    /** It does what it should: should it end, the next one begins at once. */
    isWell: (): void => {
      pauseMs = shortestPauseMs;
    },

    isSilent: (now: number): boolean => end !== null && now - heardAt > silenceMs,
    /** Milliseconds since it was asked for. */
    age: (now: number): number => (end === null ? 0 : now - startedAt),

    close: (): void => {
      closed = true;
      callOff();
      end?.();
    },
  };
};

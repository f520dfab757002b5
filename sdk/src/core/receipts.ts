import type { Calls } from './calls.ts';
import type { FeedPlace, Surroundings } from './surroundings.ts';

const betweenMs = 1_000;
const longestPauseMs = 5_000;
// Where there is nothing new to confirm: so often it says that it is still there.
const aliveMs = 60_000;

/**
 * Confirms how far the feed was taken in: at once, at most one a second, and again where it did not arrive. In quiet
 * times the same again once a minute, and at the end that this instance leaves: so nobody waits for one that is gone,
 * nor takes one that has nothing to say for gone.
 */
export const createReceipts = (
  calls: Pick<Calls, 'send'>,
  instance: string,
  surroundings: Pick<Surroundings, 'monotonic' | 'after'>,
) => {
  const { monotonic, after } = surroundings;
  let wanted: FeedPlace | null = null;
  let last: FeedPlace | null = null;
  let sentAt = Number.NEGATIVE_INFINITY;
  let pauseMs = betweenMs;
  let callOff = () => {};
  let sending: Promise<void> | null = null;
  let closed = false;

  const tell = (place: FeedPlace, more: object = {}): Promise<number> =>
    calls.send('POST', '/v1/revocations/ack', { instance, ...place, ...more }).then(
      (reply) => reply.status,
      () => 0,
    );

  const send = async (place: FeedPlace) => {
    wanted = null;
    last = place;
    sentAt = monotonic();
    const status = await tell(place);
    sending = null;
    // A place that the server does not know, or has no use for: reading the feed tells why, and there will be another.
    const isOver = (status >= 200 && status < 300) || status === 410 || status === 400;
    pauseMs = isOver ? betweenMs : Math.min(2 * pauseMs, longestPauseMs);
    if (!isOver) wanted ??= place;
    schedule();
  };

  const schedule = () => {
    callOff();
    const place = wanted ?? last;
    if (place === null || sending !== null || closed) return;
    const wait = sentAt + (wanted === null ? aliveMs : pauseMs) - monotonic();
    if (wait > 0) callOff = after(wait, schedule);
    else sending = send(place);
  };

  return {
    confirm: (place: FeedPlace): void => {
      const { epoch, position } = place;
      const isSaid = wanted === null && last?.epoch === epoch && last.position === position;
      if (position === null || isSaid) return;
      wanted = place;
      schedule();
    },

    /** Confirms what is not confirmed yet, and that nothing more will be: once. */
    close: async (): Promise<void> => {
      callOff();
      closed = true;
      await sending;
      const place = wanted ?? last;
      if (place !== null) await tell(place, { leaving: true });
    },
  };
};

export type Receipts = ReturnType<typeof createReceipts>;

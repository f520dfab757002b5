import type { Calls } from './calls.ts';
import type { FeedPlace, Surroundings } from './surroundings.ts';

const betweenMs = 1_000;
const longestPauseMs = 5_000;

/** Confirms how far the feed was taken in: at once, at most one a second, and again where it did not arrive. */
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
  let callOff: (() => void) | null = null;
  let closed = false;

  const send = async () => {
    callOff = () => {};
    const place = wanted!;
    wanted = null;
    last = place;
    sentAt = monotonic();
    const status = await calls.send('POST', '/v1/revocations/ack', { instance, ...place }).then(
      (reply) => reply.status,
      () => 0,
    );
    callOff = null;
    // A place that the server does not know, or has no use for: reading the feed tells why, and there will be another.
    const isOver = (status >= 200 && status < 300) || status === 410 || status === 400;
    pauseMs = isOver ? betweenMs : Math.min(2 * pauseMs, longestPauseMs);
    if (!isOver) wanted ??= place;
    schedule();
  };

  const schedule = () => {
    if (wanted === null || callOff !== null || closed) return;
    const wait = sentAt + pauseMs - monotonic();
    if (wait <= 0) void send();
    else callOff = after(wait, () => void send());
  };

  return {
    confirm: (place: FeedPlace): void => {
      const { epoch, position } = place;
      const isSaid = wanted === null && last?.epoch === epoch && last.position === position;
      if (position === null || isSaid) return;
      wanted = place;
      schedule();
    },

    /** What is not confirmed yet is confirmed now, once. */
    close: async (): Promise<void> => {
      callOff?.();
      closed = true;
      if (wanted !== null) await send();
    },
  };
};

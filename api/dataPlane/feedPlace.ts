import { Refusal } from '../refusal.ts';
import { positionPattern } from '../schemas/common.ts';
import { type DataPlane, unavailable } from './context.ts';

/** How far a receiver has read: an epoch of the log and a position in it; null: nothing yet. */
export type FeedPlace = { readonly epoch: string | null; readonly after: string | null };

const restarted = () =>
  new Refusal('feed-restarted', { detail: 'Forget everything that was remembered and go on from head.' });

/**
 * Waits until this process has itself seen the end of the log, and checks that the place is in it. A process that lags
 * must not take a place that it has not read up to yet for one beyond the end, nor its own place for the end.
 * @throws Refusal unavailable, feed-restarted
 */
export const provePlace = async ({ reader }: DataPlane, { epoch, after }: FeedPlace): Promise<void> => {
  if (!(await reader.prove())) throw unavailable();
  const current = reader.feed().epoch();
  if (current === null) throw unavailable();
  if (epoch !== null && epoch !== current) throw restarted();
  const head = reader.position();
  if (after !== null && (head === null || after > head || after.length !== head.length)) throw restarted();
};

/**
 * The id that the last message on a stream had: `<epoch>:<position>`.
 * @throws Refusal validation-failed
 */
export const placeOfEventId = (lastEventId: string): FeedPlace => {
  const colon = lastEventId.lastIndexOf(':');
  const place = { epoch: lastEventId.slice(0, Math.max(0, colon)), after: lastEventId.slice(colon + 1) };
  if (place.epoch !== '' && positionPattern.test(place.after)) return place;
  throw new Refusal('validation-failed', {
    errors: [{ in: 'header', pointer: 'Last-Event-ID', detail: 'Not the id of a message: <epoch>:<position>' }],
  });
};

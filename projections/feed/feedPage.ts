import type { Recorded } from '../../domain/event.ts';
import type { Feed, FeedItem } from './feed.ts';

type AnyRecorded = Recorded<{ readonly type: string; readonly data: object }>;

// How many events are asked of the log at a time.
const together = 32;

/**
 * The messages beyond a position, oldest first, as far as the feed was folded when it was asked.
 * @param after any position up to the fold's, whether a message stands there or not; null: from the first message
 * @param read the event that stands at a position, or null
 * @throws where the log no longer holds the event of a message
 */
export const feedPage = async (
  feed: Feed,
  read: (position: string) => Promise<AnyRecorded | null>,
  after: string | null,
  limit: number,
): Promise<readonly FeedItem[]> => {
  const first = feed.firstAfter(after);
  const end = Math.min(first + limit, feed.length());

  const item = async (number: number): Promise<FeedItem> => {
    const recent = feed.recent(number);
    if (recent !== null) return recent;
    const event = await read(feed.positionOf(number));
    if (event === null) throw new Error('the log no longer holds the event of a message');
    return feed.remake(number, event);
  };

  const items: FeedItem[] = [];
  for (let number = first; number < end; number += together) {
    const numbers = Array.from({ length: Math.min(together, end - number) }, (_, i) => number + i);
    items.push(...(await Promise.all(numbers.map(item))));
  }
  return items;
};

import type { EventStore } from '../../commands/ports/eventStore.ts';
import type { ParkedStream } from '../../commands/ports/lists.ts';
import type { Filling, Resumed } from './filling.ts';
import type { BatchEvent } from './openedBatch.ts';

const pageSize = 500;

/**
 * Lets a parked stream go on: everything it waits with, up to where the list stands. `skip`: without the event that it
 * is parked at.
 * @param prepare opens the events of one page
 * @returns `moved`, too, where some of it was applied already
 */
export const goOn = async (
  store: EventStore,
  filling: Filling,
  parked: ParkedStream,
  skip: boolean,
  prepare: (events: Awaited<ReturnType<EventStore['readStream']>>['events']) => Promise<readonly BatchEvent[]>,
): Promise<Resumed> => {
  const until = filling.checkpoint()?.position;
  if (until === undefined) return 'parked';
  let at = parked;
  for (;;) {
    const page = await store.readStream(parked.stream, at.revision, pageSize);
    // What the list has not come to yet is applied when it does.
    const due = page.events.filter(({ position }) => position <= until);
    const last = page.end || due.length < page.events.length;
    const opened = await prepare(due);
    const events = opened.map((event) =>
      skip && event.stored.id === parked.eventId ? { ...event, skipped: true } : event,
    );
    const resumed = await filling.resume(at, events, last);
    if (last || resumed !== 'resumed') return resumed;
    at = { ...at, revision: due.at(-1)!.revision + 1 };
  }
};

import type { EventStore, Position } from '../../commands/ports/eventStore.ts';

/** Events read at once by whoever reads all of them. */
export const page = 1_000;

/** Reads the log from its beginning to its end, and does no more. @returns how many events it has */
export const scan = async (store: EventStore): Promise<number> => {
  let events = 0;
  for (let after: Position | null = null, end = false; !end; ) {
    const read: Awaited<ReturnType<EventStore['readAll']>> = await store.readAll(after, page);
    events += read.events.length;
    after = read.position;
    end = read.end;
  }
  return events;
};

// The baseline of a start without a snapshot: a process that reads the log through the event store's port, and no more.
import { openEventStore } from '../../adapters/sqlite/eventStore.ts';
import type { EventStore, Position } from '../../commands/ports/eventStore.ts';

const page = 1_000;

const scan = async (file: string): Promise<{ readonly events: number; readonly ms: number }> => {
  const store = await openEventStore({ file });
  const began = performance.now();
  let events = 0;
  for (let after: Position | null = null, end = false; !end; ) {
    const read: Awaited<ReturnType<EventStore['readAll']>> = await store.readAll(after, page);
    events += read.events.length;
    after = read.position;
    end = read.end;
  }
  const ms = performance.now() - began;
  await store.close();
  return { events, ms };
};

process.once('disconnect', () => process.exit(0));
process.on('message', async (file: string) => process.send!(await scan(file)));

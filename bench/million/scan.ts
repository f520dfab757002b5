// The baseline of a start without a snapshot: a process that reads the log through the event store's port, and no more.
import { openEventStore } from '../../adapters/sqlite/eventStore.ts';
import { scan } from '../support/scan.ts';

const timed = async (file: string): Promise<{ readonly events: number; readonly ms: number }> => {
  const store = await openEventStore({ file });
  const began = performance.now();
  const events = await scan(store);
  const ms = performance.now() - began;
  await store.close();
  return { events, ms };
};

process.once('disconnect', () => process.exit(0));
process.on('message', async (file: string) => process.send!(await timed(file)));

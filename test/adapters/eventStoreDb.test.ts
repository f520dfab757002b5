import { maxAppendBytes } from '../../adapters/eventstoredb/appends.ts';
import { createEventStoreDb } from '../../adapters/eventstoredb/eventStore.ts';
import { systemScheduler } from '../../adapters/node/scheduler.ts';
import { systemClock } from '../../adapters/node/systemClock.ts';
import { eventStoreInUse, sharedEventStore } from '../servers/eventStore.ts';
import { eventStoreModel } from './eventStoreModel.ts';
import { eventStoreBehaviours, type Harness } from './eventStoreSuite.ts';

/** Each on a server of its own, or on the given one. */
const open = async (): Promise<Harness> => {
  const server = sharedEventStore();
  const connectionString = await server.connectionString();
  const prefix = server.prefix();
  const again = async () =>
    createEventStoreDb({ connectionString, prefix, clock: systemClock(), scheduler: systemScheduler() });
  const store = await again();
  return {
    store,
    maxAppendBytes,
    reopen: again,
    dispose: async () => {
      await store.close();
      await server.stop();
    },
  };
};

eventStoreBehaviours(`EventStoreDB (${eventStoreInUse})`, open);
eventStoreModel(`EventStoreDB (${eventStoreInUse})`, open);

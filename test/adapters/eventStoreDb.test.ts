import { maxAppendBytes } from '../../adapters/eventstoredb/appends.ts';
import { createEventStoreDb } from '../../adapters/eventstoredb/eventStore.ts';
import { systemScheduler } from '../../adapters/node/scheduler.ts';
import { systemClock } from '../../adapters/node/systemClock.ts';
import { startEventStoreDouble } from '../servers/eventStoreDouble/double.ts';
import { eventStoreModel } from './eventStoreModel.ts';
import { eventStoreBehaviours } from './eventStoreSuite.ts';

const open = async () => {
  const server = await startEventStoreDouble();
  const again = async () =>
    createEventStoreDb({
      connectionString: server.connectionString,
      prefix: 'tests',
      clock: systemClock(),
      scheduler: systemScheduler(),
    });
  const store = await again();
  return {
    store,
    maxAppendBytes,
    reopen: again,
    dispose: async () => {
      await store.close();
      await server.close();
    },
  };
};

eventStoreBehaviours('EventStoreDB (double)', open);
eventStoreModel('EventStoreDB (double)', open);

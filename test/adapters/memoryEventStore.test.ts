import { createMemoryEventStore } from '../../adapters/memory/eventStore.ts';
import { eventStoreModel } from './eventStoreModel.ts';
import { eventStoreBehaviours } from './eventStoreSuite.ts';

const open = async () => {
  const store = createMemoryEventStore();
  return { store, reopen: null, dispose: store.close };
};

eventStoreBehaviours('memory', open);
eventStoreModel('memory', open);

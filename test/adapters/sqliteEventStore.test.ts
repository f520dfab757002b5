import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { openEventStore } from '../../adapters/sqlite/eventStore.ts';
import { temporaryFolder } from '../support/temporaryFolder.ts';
import { eventStoreModel } from './eventStoreModel.ts';
import { eventStoreBehaviours } from './eventStoreSuite.ts';

const open = async () => {
  const folder = temporaryFolder();
  const file = join(folder, 'events.sqlite');
  const store = await openEventStore({ file });
  const dispose = async () => {
    await store.close();
    rmSync(folder, { recursive: true });
  };
  return { store, reopen: () => openEventStore({ file }), dispose };
};

eventStoreBehaviours('SQLite', open);
eventStoreModel('SQLite', open);

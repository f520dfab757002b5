import { rmSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { openEventStore } from '../../adapters/sqlite/eventStore.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporaryFolder.ts';
import { eventStoreModel } from './eventStoreModel.ts';
import { eventStoreBehaviours } from './eventStoreSuite.ts';
import { events, newStream } from './events.ts';

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

const ends = suite('event store: SQLite says where a stream ends');

ends('while nothing is under way, and not once it is closed', async () => {
  const { store, dispose } = await open();
  const endsAt = store.endsAt!;
  const stream = newStream();
  assert.not(endsAt(stream, -1), 'nobody has looked');
  await store.readStream(stream, 0, 1);
  assert.ok(endsAt(stream, -1));
  const appending = store.append(stream, 'no-stream', events(2));
  assert.not(endsAt(stream, -1));
  assert.not(endsAt(stream, 1), 'it is not known yet');
  await appending;
  assert.not(endsAt(stream, 0));
  assert.ok(endsAt(stream, 1));
  await dispose();
  assert.not(endsAt(stream, 1));
});

ends.run();

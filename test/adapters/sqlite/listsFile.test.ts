import { DatabaseSync } from 'node:sqlite';
import * as assert from 'uvu/assert';
import { rowWrites } from '../../../adapters/sqlite/listChanges.ts';
import { handlers, type ListsCommand, schema } from '../../../adapters/sqlite/listsFile.ts';
import { listTable } from '../../../adapters/sqlite/listTable.ts';
import { migrate } from '../../../adapters/sqlite/schema.ts';
import type { Build, ListSchema } from '../../../commands/ports/lists.ts';
import { suite } from '../../support/suite.ts';

const lists = suite('the writing thread of the lists');

const list: ListSchema = { name: 'things', version: 1, columns: { size: 'number' }, indexes: [['size']], volatile: [] };

lists('has much memory for pages only while a build is being filled', () => {
  const db = new DatabaseSync(':memory:');
  migrate(db, ':memory:', schema);
  let handler = handlers(db);
  const run = (command: ListsCommand) => {
    const answer = handler(command);
    handler.afterCommit!();
    return answer;
  };
  const pagesKiB = () => -(db.prepare('PRAGMA cache_size').get()!.cache_size as number);
  const begin = () => (run({ do: 'createBuild', schema: list, current: false }) as Build).id;

  const little = pagesKiB();
  const first = begin();
  const much = pagesKiB();
  assert.ok(much > little);
  run({ do: 'markComplete', build: first });
  assert.is(pagesKiB(), little);

  const second = begin();
  assert.is(pagesKiB(), much);
  // As after a restart in the middle of it.
  handler = handlers(db);
  assert.is(pagesKiB(), much);
  run({ do: 'dropBuild', build: second });
  assert.is(pagesKiB(), little);
  db.close();
});

lists('a filling that was cut off between two indexes and goes on leaves none but those of the schema', () => {
  const owned: ListSchema = { ...list, columns: { owner: 'text', size: 'number' }, indexes: [['owner'], ['size']] };
  const db = new DatabaseSync(':memory:');
  migrate(db, ':memory:', schema);
  let handler = handlers(db);
  const { id: build } = handler({ do: 'createBuild', schema: owned, current: false }) as Build;
  let after: Build['checkpoint'] = null;
  const ofOneOwner = () => {
    const checkpoint = { position: `${after?.position ?? ''}0`, eventId: 'event' };
    const writes = rowWrites(listTable(1, owned, 0), [
      { op: 'updateWhere', column: 'owner', equals: 'x', fields: { size: 1 } },
    ]);
    const batch = { after, checkpoint, waiting: [], park: [], unpark: [] };
    assert.is(handler({ do: 'apply', build, batch, writes, blanks: false }), true);
    after = checkpoint;
  };
  ofOneOwner();
  // The texts, and the first index.
  for (let step = 0; step < 2; step++) assert.is(handler({ do: 'index', build }), true);
  handler = handlers(db);
  ofOneOwner();
  while (handler({ do: 'index', build }));
  const indexes = db.prepare(
    "SELECT name FROM sqlite_master WHERE type = 'index' AND name LIKE 'list1%' AND sql IS NOT NULL ORDER BY name",
  );
  assert.equal(
    indexes.all().map(({ name }) => name),
    ['list1i0', 'list1i1'],
  );
  db.close();
});

lists.run();

import { DatabaseSync } from 'node:sqlite';
import * as assert from 'uvu/assert';
import { handlers, type ListsCommand, schema } from '../../../adapters/sqlite/listsFile.ts';
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

lists.run();

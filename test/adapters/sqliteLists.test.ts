import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import * as assert from 'uvu/assert';
import { isCarried, querySql } from '../../adapters/sqlite/listQuery.ts';
import { openLists } from '../../adapters/sqlite/lists.ts';
import { indexingSteps, listTable } from '../../adapters/sqlite/listTable.ts';
import { failedWith } from '../../commands/failure.ts';
import type { Build, Condition, Lists, Query, Sort } from '../../commands/ports/lists.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporaryFolder.ts';
import { listsModel } from './listsModel.ts';
import { batch, checkpoint, listsBehaviours, schema } from './listsSuite.ts';

const open = async () => {
  const folder = temporaryFolder();
  const file = join(folder, 'lists.sqlite');
  const lists = await openLists({ file });
  const dispose = async () => {
    await lists.close();
    rmSync(folder, { recursive: true });
  };
  return { lists, folder, file, reopen: () => openLists({ file }), dispose };
};

listsBehaviours('SQLite', open);
listsModel('SQLite', open, 30);

type Opened = Awaited<ReturnType<typeof open>>;
const test = suite<Opened>('lists: SQLite: its file');

test.before.each(async (context) => {
  Object.assign(context, await open());
});
test.after.each(({ dispose }) => dispose());

const filled = async (lists: Lists, count: number): Promise<Build> => {
  const build = await lists.createBuild(schema, true);
  const changes = Array.from({ length: count }, (_, n) => ({
    op: 'set' as const,
    id: `k${n}`,
    fields: { owner: `o${n % 7}`, name: n % 3 === 0 ? null : `name ${n}`, size: n % 10, live: n % 2 === 0 },
  }));
  await lists.apply(build.id, batch(1, changes));
  await lists.markComplete(build.id);
  return build;
};

const failure = (call: () => Promise<unknown>) =>
  call().then(
    () => null,
    (error) => error,
  );

/** Every query that an index is declared for: some of its columns equal, the others the order, from the start and from a row on. */
const queriesFor = (index: readonly string[]): Query[] =>
  [...index.keys(), index.length].flatMap((equal) =>
    [false, true].flatMap((descending) => {
      const where = index.slice(0, equal).map((column): Condition => ({ column, op: 'eq', value: values[column]! }));
      const sort = index.slice(equal).map((column): Sort => ({ column, descending }));
      const afters = [null, [...sort.map(({ column }) => values[column]!), 'k'], [...sort.map(() => null), 'k']];
      return afters.map((after) => ({ where, sort, after, limit: 10 }));
    }),
  );
const values: Record<string, string | number | boolean> = { owner: 'o1', name: 'n', size: 1, live: true, used: '2027' };

test('is read through the index that is declared for a query, from the row on where the page begins', async ({
  lists,
  file,
}) => {
  await filled(lists, 1);
  const table = listTable(1, schema, schema.indexes.length + 1);
  const db = new DatabaseSync(file, { readOnly: true });
  const plan = (text: string, params: readonly (string | number)[]) =>
    db
      .prepare(`EXPLAIN QUERY PLAN ${text}`)
      .all(...params)
      .map(({ detail }) => detail as string);

  for (const [at, index] of schema.indexes.entries()) {
    for (const query of queriesFor(index)) {
      assert.ok(isCarried(schema, query));
      const what = `${index} ${JSON.stringify(query)}`;
      const ranges = querySql(table, query, null);
      for (const [nth, { text, params }] of ranges.entries()) {
        const steps = plan(text, params as (string | number)[]);
        // Rows without a value in the first column may be found by any index that knows it.
        assert.match(steps[0]!, new RegExp(`^S(CAN|EARCH) t USING INDEX list1i${at}\\b`), `${what} ${text}`);
        assert.is(steps.length, 1, `${what}: nothing is sorted: ${steps}`);
        if (query.where.length > 0 || query.after !== null) assert.match(steps[0]!, /^SEARCH/, `${what} ${nth}`);
      }
    }
  }
  const byId = querySql(table, { where: [], sort: [], after: ['k'], limit: 1 }, null)[0]!;
  assert.match(plan(byId.text, ['k', 1])[0]!, /^SEARCH t USING INDEX sqlite_autoindex_list1_1/);
  const has = { column: 'tags', op: 'has', value: 'a' } as const;
  const driven = querySql(table, { where: [has], sort: [], after: ['k'], limit: 1 }, has)[0]!;
  const steps = plan(driven.text, driven.params as (string | number)[]);
  assert.match(steps[0]!, 'SEARCH v USING PRIMARY KEY (col=? AND value=? AND id>?)');
  assert.is(steps.length, 2, 'nothing is sorted');
  db.close();
});

test('is asked on this thread only where an index gives the answer at once', () => {
  const where = (...conditions: Condition[]) => conditions;
  const by = (column: string, descending = false) => ({ column, descending });
  const owner = { column: 'owner', op: 'eq', value: 'o' } as const;
  const carried = (conditions: Condition[], ...sort: Sort[]) =>
    isCarried(schema, { where: conditions, sort, after: null, limit: 1 });
  assert.ok(carried(where()));
  assert.ok(carried(where(), by('name')));
  assert.ok(carried(where(owner), by('name', true)));
  assert.ok(carried(where(owner, { column: 'name', op: 'gt', value: 'n' }), by('name')));
  assert.ok(carried(where({ column: 'size', op: 'null' })));
  assert.not.ok(carried(where(owner)), 'the ids of an owner lie in the order of the names');
  assert.not.ok(carried(where(owner), by('size')));
  assert.not.ok(carried(where({ column: 'name', op: 'eq', value: 'n' }), by('owner')));
  assert.not.ok(carried(where({ column: 'name', op: 'contains', value: 'n' }), by('name')));
  assert.not.ok(carried(where({ any: [[owner]] }), by('name')));
  assert.not.ok(carried(where(), by('live'), by('size', true)));
});

test('is for its owner alone', async ({ lists, folder }) => {
  await filled(lists, 10);
  for (const name of readdirSync(folder)) assert.is(statSync(join(folder, name)).mode & 0o777, 0o600, name);
});

test('deleted is a new one; damaged is refused with the advice to delete it', async ({ lists, file, reopen }) => {
  await filled(lists, 10);
  await lists.close();
  const good = readFileSync(file);
  writeFileSync(file, Buffer.concat([Buffer.from('not SQLite'), good.subarray(10)]));
  const error = await failure(reopen);
  assert.is(error?.code, 'damaged-file');
  assert.match(error.message, file);
  assert.match(error.message, 'delete the file');

  rmSync(file);
  const fresh = await reopen();
  assert.equal(await fresh.builds(), []);
  await fresh.close();
});

test('damaged in the middle says so when that is read, and gives nothing wrong', async ({ lists, file, reopen }) => {
  const build = await filled(lists, 2_000);
  await lists.close();
  const bytes = readFileSync(file);
  bytes.fill(0xff, 16 * 4096, bytes.length);
  writeFileSync(file, bytes);
  const again = await reopen();
  const error = await failure(() => again.query(build.id, { where: [], sort: [], after: null, limit: 2_000 }));
  assert.ok(failedWith(error, 'store-unavailable'));
  assert.match(error.message, 'delete the file');
  await again.close();
});

test('goes on with its indexes where it was interrupted', async ({ lists, file, reopen }) => {
  const build = await lists.createBuild(schema, true);
  const set = (id: string, tags: string[]) => ({ op: 'set' as const, id, fields: { tags, owner: id } });
  await lists.apply(build.id, batch(1, [set('a', ['p']), set('b', ['p', 'q'])]));
  await lists.close();
  // What a process leaves that was killed after the first two steps.
  const db = new DatabaseSync(file);
  for (const step of indexingSteps(listTable(1, schema, 0)).slice(0, 2)) db.exec(step);
  db.exec('UPDATE builds SET indexed = 2');
  db.close();
  const again = await reopen();
  const holders = async (value: string) => {
    const where = [{ column: 'tags', op: 'has', value }] as const;
    return (await again.query(build.id, { where, sort: [], after: null, limit: 10 })).map(({ id }) => id);
  };
  await again.apply(build.id, batch(2, [set('a', ['q']), set('c', ['p'])]));
  assert.equal(
    [await holders('p'), await holders('q')],
    [
      ['b', 'c'],
      ['a', 'b'],
    ],
  );
  await again.markComplete(build.id);
  await again.markComplete(build.id);
  assert.equal(
    [await holders('p'), await holders('q')],
    [
      ['b', 'c'],
      ['a', 'b'],
    ],
  );
  await again.close();
});

test('has no bytes of an upload that was not finished', async ({ lists, file, reopen }) => {
  await lists.putBlob('a', Uint8Array.of(1));
  await lists.close();
  const db = new DatabaseSync(file);
  db.exec(
    "INSERT INTO blobs (name, size, complete) VALUES ('a', 9, 0); INSERT INTO chunks VALUES (last_insert_rowid(), 0, x'00')",
  );
  db.close();
  const again = await reopen();
  assert.equal([...(await again.getBlob('a'))!], [1]);
  await again.close();
  const left = new DatabaseSync(file);
  assert.equal({ ...left.prepare('SELECT count(*) AS chunks FROM chunks').get() }, { chunks: 1 });
  left.close();
});

test('keeps 100 MB under one name', async ({ lists }) => {
  const bytes = new Uint8Array(100 * 1024 * 1024);
  for (let at = 0; at < bytes.length; at += 4096) bytes[at] = (at / 4096) % 256;
  await lists.putBlob('index', bytes);
  assert.ok(Buffer.from(bytes.buffer).equals((await lists.getBlob('index'))!));
});

test('keeps nothing readable of a document that was removed or blanked', async ({ lists, folder }) => {
  const build = await lists.createBuild(schema, true);
  const set = (id: string, name: string | null) => ({ op: 'set' as const, id, fields: { name, note: name } });
  await lists.apply(build.id, batch(1, [set('a', 'secret-one'), set('b', 'secret-two'), set('c', 'kept')]));
  await lists.markComplete(build.id);
  await lists.apply(build.id, batch(2, [set('a', null), { op: 'remove', id: 'b' }]));
  await lists.close();
  const bytes = readdirSync(folder)
    .map((name) => readFileSync(join(folder, name), 'latin1'))
    .join();
  assert.not.match(bytes, /secret-(one|two)/);
  assert.match(bytes, 'kept');
});

test('stands where its documents do when a process was killed', async ({ lists, file }) => {
  const build = await filled(lists, 5);
  assert.equal((await lists.builds())[0]!.checkpoint, checkpoint(1));
  // A copy of the files of a living process is what a killed one leaves.
  const copy = temporaryFolder();
  for (const end of ['', '-wal']) writeFileSync(join(copy, `lists.sqlite${end}`), readFileSync(`${file}${end}`));
  const again = await openLists({ file: join(copy, 'lists.sqlite') });
  assert.equal(await again.builds(), await lists.builds());
  assert.is(await again.count(build.id, []), 5);
  await again.close();
  rmSync(copy, { recursive: true });
});

/** All that stands in the folder's files, as text. */
const bytesIn = (folder: string) =>
  readdirSync(folder)
    .map((name) => readFileSync(join(folder, name), 'latin1'))
    .join('');

test('keeps nothing on disk of what was blanked', async ({ lists, folder }) => {
  const build = await filled(lists, 20);
  const named = { op: 'set' as const, id: 'k7', fields: { owner: 'o1', name: 'Somebody', note: 'private' } };
  await lists.apply(build.id, batch(2, [named]));
  assert.match(bytesIn(folder), /Somebody/);
  const blank = { op: 'set' as const, id: 'k7', fields: { name: null, note: null } };
  await lists.apply(build.id, batch(3, [blank]));
  assert.not.match(bytesIn(folder), /Somebody|private/);
});

test('keeps nothing on disk of a build that was dropped', async ({ lists, folder }) => {
  const build = await lists.createBuild(schema, false);
  const changes = Array.from({ length: 500 }, (_, n) => ({
    op: 'set' as const,
    id: `k${n}`,
    fields: { owner: 'o1', name: `Somebody ${n}`, note: 'private'.repeat(20) },
  }));
  await lists.apply(build.id, batch(1, changes));
  await lists.dropBuild(build.id);
  assert.not.match(bytesIn(folder), /Somebody|private/);
});

test.run();

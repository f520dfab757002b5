import { MongoClient } from 'mongodb';
import * as assert from 'uvu/assert';
import { createMemoryLists } from '../../../adapters/memory/lists.ts';
import { batchesOf } from '../../../adapters/mongodb/listBatches.ts';
import type { BuildDocument } from '../../../adapters/mongodb/listBuild.ts';
import { openLists } from '../../../adapters/mongodb/lists.ts';
import type { Batch, Change, Lists } from '../../../commands/ports/lists.ts';
import { noMongo, sharedMongo } from '../../servers/mongodb.ts';
import { suite } from '../../support/suite.ts';
import { batch, checkpoint, schema } from '../listsSuite.ts';
import { type Death, Died, watched } from './crashing.ts';

const mongo = sharedMongo();

const open = async () => {
  const database = mongo.database();
  const url = await mongo.url();
  const lists = await openLists({ url, database });
  const client = new MongoClient(url);
  const dispose = async () => {
    await lists.close();
    await client.close();
    await mongo.drop(database);
  };
  return { lists, another: () => openLists({ url, database }), db: client.db(database), dispose };
};

type Opened = Awaited<ReturnType<typeof open>>;
const test = suite<Opened>('lists: MongoDB: batches');
test.skipUnless(noMongo);
test.before.each(async (context) => {
  Object.assign(context, await open());
});
test.after.each(({ dispose }) => dispose());
test.after(mongo.stop);

const set = (id: string, fields: Extract<Change, { op: 'set' }>['fields']): Change => ({ op: 'set', id, fields });
const named = (owner: string, name: string): Change => ({
  op: 'updateWhere',
  column: 'owner',
  equals: owner,
  fields: { name },
});

/** A history in which each batch would undo what a later one did, were it done again. */
const history: readonly (readonly Change[])[] = [
  [set('a', { owner: 'x', name: 'first', tags: ['p'] }), set('b', { owner: 'x' }), set('gone', { owner: 'x' })],
  [
    named('x', 'second'),
    set('c', { owner: 'x', name: 'second', more: 2 }),
    { op: 'remove', id: 'gone' },
    set('a', { size: 2, tags: [] }),
    { op: 'update', id: 'later', fields: { name: 'not there yet' } },
  ],
  [
    named('x', 'third'),
    set('later', { owner: 'x', name: 'third' }),
    { op: 'remove', id: 'b' },
    set('gone', { size: 3 }),
  ],
  [set('b', { owner: 'y', size: 4 }), { op: 'remove', id: 'c' }, set('a', { more: null })],
];
const batches: readonly Batch[] = history.map((changes, at) => batch(at + 1, changes));

const documentsIn = (lists: Lists, build: string) =>
  lists.query(build, { where: [], sort: [], after: null, limit: 1_000 });

/** What a single replay of so many batches gives. */
const replayed = async (count: number) => {
  const lists = createMemoryLists();
  const { id } = await lists.createBuild(schema, true);
  for (const one of batches.slice(0, count)) await lists.apply(id, one);
  return documentsIn(lists, id);
};

/** A projector: goes on from where the build stands. */
const goOn = async (lists: Lists, id: string): Promise<void> => {
  for (;;) {
    const { checkpoint: stands } = (await lists.builds()).find((build) => build.id === id)!;
    const next = batches.find(({ after }) => after?.position === stands?.position);
    if (next === undefined) return;
    await lists.apply(id, next);
  }
};

test('are whole after a death at any write', async ({ lists, db }) => {
  const expected = await replayed(batches.length);
  const deaths: readonly Death[] = ['before', 'half', 'after'];
  let died = 0;
  for (const death of deaths) {
    for (let nth = 1; ; nth++) {
      const { id } = await lists.createBuild(schema, false);
      const dying = watched(db, (count) => (count === nth ? death : null));
      const its = batchesOf(dying.db, dying.collection<BuildDocument>('builds'));
      let dead = false;
      for (const one of batches) {
        const done = await its.apply(id, schema, one).catch((error) => {
          if (!(error instanceof Died)) throw error;
          return null;
        });
        if (done === null) {
          dead = true;
          break;
        }
      }
      if (dead) died += 1;
      await goOn(lists, id);
      assert.equal(await documentsIn(lists, id), expected, `${death} ${nth}`);
      assert.is(await db.collection('journal').countDocuments({ build: id, seq: { $lt: 4 } }), 0);
      await lists.dropBuild(id);
      if (!dead) break;
    }
  }
  assert.ok(died > 50, `${died} deaths`);
});

test('that a process goes on with too late change nothing', async ({ lists, db }) => {
  for (let nth = 1; nth <= 12; nth++) {
    const { id } = await lists.createBuild(schema, false);
    const gate = Promise.withResolvers<void>();
    const asleep = Promise.withResolvers<void>();
    const sleepy = watched(db, async (count) => {
      if (count === nth) {
        asleep.resolve();
        await gate.promise;
      }
      return null;
    });
    const its = batchesOf(sleepy.db, sleepy.collection<BuildDocument>('builds'));
    const late = (async () => {
      for (const one of batches) if (!(await its.apply(id, schema, one))) return;
    })();
    await asleep.promise;
    await goOn(lists, id);
    const before = await documentsIn(lists, id);
    assert.equal(before, await replayed(batches.length));
    gate.resolve();
    await late;
    assert.equal(await documentsIn(lists, id), before, `asleep at ${nth}`);
    assert.equal((await lists.builds()).at(-1)!.checkpoint, checkpoint(batches.length));
  }
});

test('of two projectors at once, each applied twice, are those of a single replay', async ({ lists, another }) => {
  const other = await another();
  const { id } = await lists.createBuild(schema, true);
  const twice = async (by: Lists) => {
    for (const one of [...batches, ...batches]) await by.apply(id, one);
    await goOn(by, id);
  };
  await Promise.all([twice(lists), twice(other)]);
  assert.equal(await documentsIn(lists, id), await replayed(batches.length));
  for (const one of batches) assert.is(await other.apply(id, one), false);
  assert.equal(await documentsIn(other, id), await replayed(batches.length));
  await other.close();
});

test('leave what is patched meanwhile', async ({ lists, db }) => {
  const { id } = await lists.createBuild(schema, true);
  await lists.apply(id, batches[0]!);
  const patching = watched(db, async (_, method) => {
    if (method === 'bulkWrite') await lists.patch(id, [{ id: 'a', fields: { used: '2027' } }]);
    return null;
  });
  await batchesOf(patching.db, patching.collection<BuildDocument>('builds')).apply(id, schema, batches[1]!);
  const expected = (await replayed(2)).find((one) => one.id === 'a');
  assert.equal(await lists.get(id, 'a'), { ...expected, used: '2027' });
});

test('too large for MongoDB are refused before anything is decided', async ({ lists }) => {
  const { id } = await lists.createBuild(schema, true);
  const large = batch(1, [set('a', { more: 'x'.repeat(16_000_000) })]);
  const error = await lists.apply(id, large).then(
    () => null,
    (thrown) => thrown,
  );
  assert.instance(error, RangeError);
  assert.is(await lists.apply(id, batches[0]!), true);
});

test.run();

import * as assert from 'uvu/assert';
import { failedWith } from '../../commands/failure.ts';
import type { Batch, Build, Change, ListSchema, Lists, ParkedStream, Query } from '../../commands/ports/lists.ts';
import { suite } from '../support/suite.ts';
import type { TestServer } from './vaultSuite.ts';

/** Lists to test, and how to get them again after they were closed, where they outlive that. */
export type ListsHarness = {
  readonly lists: Lists;
  readonly reopen: (() => Promise<Lists>) | null;
  readonly dispose: () => Promise<void>;
};

export const schema: ListSchema = {
  name: 'keys',
  version: 1,
  columns: { owner: 'text', name: 'text', size: 'number', live: 'boolean', tags: 'texts', used: 'text' },
  indexes: [['owner', 'name'], ['name'], ['size'], ['live', 'size'], ['used']],
  volatile: ['used', 'usedFrom'],
};

export const checkpoint = (n: number) => ({ position: n.toString(16).padStart(16, '0'), eventId: `event-${n}` });

/** The n-th batch of a build, from 1. */
export const batch = (n: number, changes: readonly Change[], more: Partial<Batch> = {}): Batch => ({
  after: n === 1 ? null : checkpoint(n - 1),
  checkpoint: checkpoint(n),
  applied: [{ stream: 's', revision: n - 1, changes }],
  park: [],
  unpark: [],
  waiting: [],
  ...more,
});

const all: Query = { where: [], sort: [], after: null, limit: 1000 };

/** What every lists store must do. Each test has lists of its own. */
export const listsBehaviours = (
  name: string,
  open: () => Promise<ListsHarness>,
  server: TestServer | null = null,
): void => {
  const test = suite(`lists: ${name}`);
  if (server !== null) {
    test.skipUnless(server.missing);
    test.after(async () => void (await server.after()));
  }
  let harness: ListsHarness;
  let lists: Lists;
  let build: Build;

  test.before.each(async () => {
    harness = await open();
    lists = harness.lists;
    build = await lists.createBuild(schema, true);
  });
  test.after.each(() => harness.dispose());

  const filled = async (changes: readonly Change[]) => assert.is(await lists.apply(build.id, batch(1, changes)), true);
  const set = (id: string, fields: Extract<Change, { op: 'set' }>['fields']): Change => ({ op: 'set', id, fields });
  const ids = async (query: Partial<Query>) => (await lists.query(build.id, { ...all, ...query })).map(({ id }) => id);
  const failure = (call: () => Promise<unknown>) =>
    call().then(
      () => null,
      (error) => error,
    );

  test('gives back a document whole: columns, fields that are none, null and absent told apart', async () => {
    const fields = {
      owner: 'ä\u{1f511}"\'\n',
      name: null,
      size: -1.5,
      live: false,
      tags: ['b', 'a', 'b'],
      more: { deep: [1, null, { a: '' }] },
      nothing: null,
    };
    await filled([set('a', fields), set('b', {}), set('c', { tags: [], live: true, size: 0 })]);
    assert.equal(await lists.get(build.id, 'a'), { id: 'a', ...fields });
    assert.equal(await lists.get(build.id, 'b'), { id: 'b' });
    assert.equal(await lists.get(build.id, 'c'), { id: 'c', tags: [], live: true, size: 0 });
    assert.is(await lists.get(build.id, 'd'), null);
    assert.equal(await lists.query(build.id, { ...all, limit: 1 }), [{ id: 'a', ...fields }]);
  });

  test('sets the fields that are named, and leaves the others', async () => {
    await filled([set('a', { owner: 'x', size: 1, more: 1, tags: ['p'] }), set('a', { size: null, other: 2 })]);
    await lists.apply(build.id, batch(2, [set('a', { owner: 'y', more: null, live: true })]));
    assert.equal(await lists.get(build.id, 'a'), {
      id: 'a',
      owner: 'y',
      size: null,
      live: true,
      tags: ['p'],
      more: null,
      other: 2,
    });
    assert.equal(await ids({ where: [{ column: 'size', op: 'null' }] }), ['a']);
    assert.equal(await ids({ where: [{ column: 'owner', op: 'eq', value: 'x' }] }), []);
    await lists.apply(build.id, batch(3, [set('a', { size: 7 })]));
    assert.is((await lists.get(build.id, 'a'))!.size, 7);
  });

  test('updates only what is there', async () => {
    await filled([
      { op: 'update', id: 'a', fields: { owner: 'x' } },
      set('b', { owner: 'x' }),
      { op: 'update', id: 'b', fields: { owner: 'y' } },
    ]);
    assert.equal(await lists.query(build.id, all), [{ id: 'b', owner: 'y' }]);
  });

  test('updates all of one owner, also those set just before, in the order of the changes', async () => {
    await filled([
      set('a', { owner: 'x' }),
      set('b', { owner: 'x' }),
      set('c', { owner: 'y' }),
      { op: 'updateWhere', column: 'owner', equals: 'x', fields: { name: 'n', tags: ['t'] } },
      set('d', { owner: 'x' }),
      { op: 'updateWhere', column: 'name', equals: 'n', fields: { owner: 'z' } },
      { op: 'updateWhere', column: 'owner', equals: 'x', fields: { late: true } },
      { op: 'updateWhere', column: 'id', equals: 'c', fields: { found: true } },
    ]);
    assert.equal(await lists.query(build.id, all), [
      { id: 'a', owner: 'z', name: 'n', tags: ['t'] },
      { id: 'b', owner: 'z', name: 'n', tags: ['t'] },
      { id: 'c', owner: 'y', found: true },
      { id: 'd', owner: 'x', late: true },
    ]);
  });

  test('removes a document; one set again later has nothing of the old', async () => {
    await filled([set('a', { owner: 'x', tags: ['p'], more: 1 }), set('b', {}), { op: 'remove', id: 'a' }]);
    assert.equal(await ids({}), ['b']);
    await lists.apply(
      build.id,
      batch(2, [{ op: 'remove', id: 'b' }, { op: 'remove', id: 'c' }, set('b', { size: 1 })]),
    );
    await lists.apply(build.id, batch(3, [set('d', { tags: ['p'], more: 1 })]));
    await lists.apply(build.id, batch(4, [{ op: 'remove', id: 'd' }, set('d', { size: 2 })]));
    assert.equal(await lists.query(build.id, all), [
      { id: 'b', size: 1 },
      { id: 'd', size: 2 },
    ]);
    assert.equal(await ids({ where: [{ column: 'tags', op: 'has', value: 'p' }] }), []);
  });

  test('moves the checkpoint with the documents', async () => {
    assert.is(build.checkpoint, null);
    await filled([set('a', {})]);
    assert.equal((await lists.builds())[0]!.checkpoint, checkpoint(1));
    const bare = { position: 'f'.repeat(16), eventId: null };
    assert.is(await lists.apply(build.id, batch(2, [], { checkpoint: bare, applied: [] })), true);
    assert.equal((await lists.builds())[0]!.checkpoint, bare);
  });

  test('applies nothing where the build does not stand at `after`', async () => {
    await filled([set('a', {})]);
    const elsewhere = [
      null,
      checkpoint(2),
      { ...checkpoint(1), eventId: null },
      { ...checkpoint(1), eventId: 'other' },
    ];
    for (const after of elsewhere) {
      assert.is(await lists.apply(build.id, batch(2, [set('b', {})], { after, park: [parked('s')] })), false);
    }
    assert.equal(await ids({}), ['a']);
    assert.equal(await lists.parked(build.id), []);
    assert.equal((await lists.builds())[0]!.checkpoint, checkpoint(1));
  });

  test('lets one of two runners win', async () => {
    const results = await Promise.all([
      lists.apply(build.id, batch(1, [set('a', { name: '1' })])),
      lists.apply(build.id, batch(1, [set('a', { name: '2' })])),
    ]);
    assert.equal(results.toSorted(), [false, true]);
    assert.is((await lists.get(build.id, 'a'))!.name, results[0] ? '1' : '2');
  });

  test('applies nothing of a batch that does not fit the schema', async () => {
    await filled([set('a', { size: 1 })]);
    const unfit: Change[] = [
      set('b', { size: '1' }),
      set('b', { owner: 1 }),
      set('b', { tags: 'p' }),
      set('b', { tags: [1] }),
      set('b', { live: 'yes' }),
      set('b', { id: 'c' }),
      { op: 'updateWhere', column: 'nothing', equals: 'x', fields: {} },
    ];
    for (const change of unfit) {
      const error = await failure(() => lists.apply(build.id, batch(2, [set('a', { size: 2 }), change])));
      assert.instance(error, TypeError);
    }
    assert.equal(await lists.query(build.id, all), [{ id: 'a', size: 1 }]);
    assert.is(await lists.apply(build.id, batch(2, [set('b', { size: 3 })])), true);
    assert.equal(await lists.query(build.id, all), [
      { id: 'a', size: 1 },
      { id: 'b', size: 3 },
    ]);
  });

  const parked = (stream: string, revision = 3): ParkedStream => ({
    stream,
    revision,
    position: checkpoint(revision).position,
    eventId: `event-${revision}`,
    error: 'it does not fit',
    since: '2027-01-01T00:00:00.000Z',
  });

  test('parks streams and frees them, with the checkpoint, in each build by itself', async () => {
    const other = await lists.createBuild(schema, false);
    await lists.apply(build.id, batch(1, [], { park: [parked('s', 5), parked('t', 4)] }));
    assert.equal(await lists.parked(build.id), [parked('t', 4), parked('s', 5)]);
    assert.equal(await lists.parked(other.id), []);
    // Tried again and failed again, further on.
    await lists.apply(build.id, batch(2, [], { unpark: ['s'], park: [parked('s', 6)] }));
    assert.equal(await lists.parked(build.id), [parked('t', 4), parked('s', 6)]);
    await lists.apply(build.id, batch(3, [set('a', {})], { unpark: ['t', 'unknown'] }));
    assert.equal(await lists.parked(build.id), [parked('s', 6)]);
  });

  test('takes no batch that passes over events of a stream which waits no longer', async () => {
    await lists.apply(build.id, batch(1, [], { park: [parked('s', 0), parked('t', 0)] }));
    assert.is(await lists.apply(build.id, batch(2, [set('a', {})], { waiting: ['s', 't'] })), true);
    // Somebody lets it go, with the build where it is.
    const letGo = { after: checkpoint(2), checkpoint: checkpoint(2), waiting: ['s'], unpark: ['s'] };
    assert.is(await lists.apply(build.id, batch(3, [], letGo)), true);
    assert.is(await lists.apply(build.id, batch(3, [set('b', {})], { waiting: ['t', 's'] })), false);
    assert.is(await lists.get(build.id, 'b'), null);
    assert.equal((await lists.builds()).find(({ id }) => id === build.id)?.checkpoint, checkpoint(2));
    assert.is(await lists.apply(build.id, batch(3, [set('b', {})], { waiting: ['t'] })), true);
  });

  test('patches volatile fields of documents that are there, which a later set leaves', async () => {
    await filled([set('a', { owner: 'x' }), set('b', { owner: 'x' })]);
    await lists.patch(build.id, [
      { id: 'a', fields: { used: '2027', usedFrom: { ip: '::1' } } },
      { id: 'missing', fields: { used: '2027' } },
    ]);
    await lists.apply(build.id, batch(2, [set('a', { owner: 'y' })]));
    assert.equal(await lists.query(build.id, all), [
      { id: 'a', owner: 'y', used: '2027', usedFrom: { ip: '::1' } },
      { id: 'b', owner: 'x' },
    ]);
    assert.equal(await ids({ where: [{ column: 'used', op: 'present' }] }), ['a']);
    assert.equal((await lists.builds())[0]!.checkpoint, checkpoint(2));
  });

  test('patches nothing else', async () => {
    await filled([set('a', { owner: 'x' })]);
    const error = await failure(() =>
      lists.patch(build.id, [
        { id: 'a', fields: { used: '2027' } },
        { id: 'a', fields: { owner: 'y' } },
      ]),
    );
    assert.instance(error, TypeError);
    assert.equal(await lists.get(build.id, 'a'), { id: 'a', owner: 'x' });
  });

  test('keeps builds side by side, switches and drops', async () => {
    await filled([set('a', { name: 'old' })]);
    await lists.markComplete(build.id);
    const second = await lists.createBuild(schema, true);
    assert.is(second.current, false, 'not the first of its version');
    await lists.apply(second.id, batch(1, [set('a', { name: 'new' })]));
    assert.is((await lists.get(build.id, 'a'))!.name, 'old');
    assert.is((await lists.get(second.id, 'a'))!.name, 'new');
    await lists.switchTo(second.id);
    const states = async () => (await lists.builds()).map(({ id, current, complete }) => ({ id, current, complete }));
    assert.equal(await states(), [
      { id: build.id, current: false, complete: true },
      { id: second.id, current: true, complete: false },
    ]);
    await lists.dropBuild(build.id);
    await lists.dropBuild(build.id);
    assert.equal(await states(), [{ id: second.id, current: true, complete: false }]);
    assert.is((await lists.get(second.id, 'a'))!.name, 'new');
    const third = await lists.createBuild(schema, true);
    assert.not.ok([build.id, second.id].includes(third.id));
  });

  test('takes another version, and another name, for another list', async () => {
    const next = await lists.createBuild({ ...schema, version: 2, columns: { name: 'number' }, indexes: [] }, true);
    const other = await lists.createBuild({ ...schema, name: 'users' }, false);
    assert.equal(
      [build, next, other].map(({ list, version, current }) => ({ list, version, current })),
      [
        { list: 'keys', version: 1, current: true },
        { list: 'keys', version: 2, current: true },
        { list: 'users', version: 1, current: false },
      ],
    );
    await lists.apply(next.id, batch(1, [set('a', { name: 1 })]));
    await filled([set('a', { name: 'one' })]);
    assert.is((await lists.get(next.id, 'a'))!.name, 1);
    await lists.switchTo(next.id);
    assert.equal(
      (await lists.builds()).map(({ current }) => current),
      [true, true, false],
    );
  });

  test('makes one build current where two were asked for at once', async () => {
    const fresh = { ...schema, name: 'fresh' };
    const made = await Promise.all([lists.createBuild(fresh, true), lists.createBuild(fresh, true)]);
    assert.equal(made.map(({ current }) => current).toSorted(), [false, true]);
  });

  test('says that a build is gone', async () => {
    await filled([set('a', {})]);
    await lists.get(build.id, 'a');
    await lists.dropBuild(build.id);
    for (const id of [build.id, 'keys-1-99999', 'users-1-1', 'nonsense']) {
      const calls = [
        () => lists.get(id, 'a'),
        () => lists.query(id, all),
        () => lists.query(id, { ...all, where: [{ column: 'name', op: 'contains', value: 'a' }] }),
        () => lists.count(id, []),
        () => lists.apply(id, batch(2, [])),
        () => lists.patch(id, []),
        () => lists.parked(id),
        () => lists.switchTo(id),
        () => lists.markComplete(id),
      ];
      for (const call of calls) assert.ok(failedWith(await failure(call), 'store-unavailable'), `${call} of ${id}`);
    }
  });

  test('refuses a schema that is none', async () => {
    const unfit: Partial<ListSchema>[] = [
      { name: 'a b' },
      { version: 0 },
      { columns: { 'a"; DROP TABLE builds': 'text' } },
      { columns: { id: 'text' } },
      { columns: { a: 'text', A: 'text' } },
      { indexes: [['nothing']] },
      { indexes: [['tags']] },
      { volatile: ['id'] },
    ];
    for (const part of unfit) {
      assert.instance(await failure(() => lists.createBuild({ ...schema, ...part }, false)), TypeError);
    }
    assert.is((await lists.builds()).length, 1);
  });

  test('refuses a query that does not fit the schema', async () => {
    const unfit: Partial<Query>[] = [
      { where: [{ column: 'nothing', op: 'null' }] },
      { where: [{ column: '__proto__', op: 'null' }] },
      { where: [{ column: 'owner', op: 'eq', value: 1 }] },
      { where: [{ any: [[{ column: 'size', op: 'in', values: ['1'] }]] }] },
      { where: [{ column: 'owner', op: 'has', value: 'x' }] },
      { where: [{ column: 'size', op: 'contains', value: 'x' }] },
      { where: [{ column: 'tags', op: 'eq', value: 'x' }] },
      { sort: [{ column: 'tags', descending: false }] },
      { sort: [{ column: 'size', descending: false }], after: ['a'] },
      { sort: [{ column: 'size', descending: false }], after: ['x', 'a'] },
      { sort: [{ column: 'size', descending: false }], after: [1, null] },
      { limit: 0 },
    ];
    for (const part of unfit) {
      const error = await failure(() => lists.query(build.id, { ...all, ...part }));
      assert.instance(error, TypeError, JSON.stringify(part));
    }
  });

  test('finds by every condition', async () => {
    await filled([
      set('a', { owner: 'x', name: '100% Straße_1', size: 1, live: true, tags: ['p', 'q'] }),
      set('b', { owner: 'y', name: 'ΟΔΟΣ', size: 2, live: false, tags: ['q'] }),
      set('c', { owner: 'x', size: 3, tags: [] }),
      set('d', { name: 'İstanbul' }),
    ]);
    const found = (...where: Query['where']) => ids({ where });
    const cases: [Query['where'][number], string[]][] = [
      [{ column: 'owner', op: 'eq', value: 'x' }, ['a', 'c']],
      [{ column: 'live', op: 'eq', value: false }, ['b']],
      [{ column: 'size', op: 'lt', value: 2 }, ['a']],
      [{ column: 'size', op: 'lte', value: 2 }, ['a', 'b']],
      [{ column: 'size', op: 'gt', value: 2 }, ['c']],
      [{ column: 'size', op: 'gte', value: 2 }, ['b', 'c']],
      [{ column: 'size', op: 'in', values: [1, 3, 9] }, ['a', 'c']],
      [{ column: 'owner', op: 'in', values: [] }, []],
      [{ column: 'id', op: 'in', values: ['a', 'd', 'z'] }, ['a', 'd']],
      [{ column: 'id', op: 'gt', value: 'b' }, ['c', 'd']],
      [{ column: 'tags', op: 'has', value: 'q' }, ['a', 'b']],
      [{ column: 'tags', op: 'has', value: 'Q' }, []],
      [{ column: 'tags', op: 'null' }, ['d']],
      [{ column: 'tags', op: 'present' }, ['a', 'b', 'c']],
      [{ column: 'live', op: 'null' }, ['c', 'd']],
      [{ column: 'name', op: 'contains', value: '0% STRASSE_' }, ['a']],
      [{ column: 'name', op: 'contains', value: '%' }, ['a']],
      [{ column: 'name', op: 'contains', value: '_' }, ['a']],
      [{ column: 'name', op: 'contains', value: 'οδος' }, ['b']],
      [{ column: 'name', op: 'contains', value: 'I\u0307STANBUL' }, ['d']],
      [{ column: 'name', op: 'contains', value: '' }, ['a', 'b', 'd']],
      [{ any: [] }, []],
      [{ any: [[]] }, ['a', 'b', 'c', 'd']],
      [
        {
          any: [
            [{ column: 'size', op: 'eq', value: 3 }],
            [
              { column: 'tags', op: 'has', value: 'q' },
              { column: 'live', op: 'eq', value: true },
            ],
          ],
        },
        ['a', 'c'],
      ],
    ];
    for (const filledUp of [false, true]) {
      if (filledUp) await lists.markComplete(build.id);
      for (const [condition, expected] of cases) {
        assert.equal(await found(condition), expected, JSON.stringify(condition));
        assert.is(await lists.count(build.id, [condition]), expected.length, JSON.stringify(condition));
      }
    }
    assert.equal(await found({ column: 'owner', op: 'eq', value: 'x' }, { column: 'tags', op: 'has', value: 'p' }), [
      'a',
    ]);
    assert.is(await lists.count(build.id, []), 4);
  });

  test('finds those who hold a value, be they few or many, in every order', async () => {
    const all = Array.from({ length: 1_500 }, (_, n) => `k${String(n).padStart(4, '0')}`);
    await lists.markComplete(build.id);
    await filled(
      all.map((id, n) =>
        set(id, {
          size: -n,
          live: n < 1_200,
          tags: [...(n % 500 === 7 ? ['rare'] : []), ...(n < 1_200 ? ['many'] : [])],
        }),
      ),
    );
    const holders = async (value: string, more: Partial<Query>) => {
      const where: Query['where'] = [{ column: 'tags', op: 'has', value }, ...(more.where ?? [])];
      const found = await ids({ ...more, where, limit: 5 });
      return [await lists.count(build.id, where), ...found];
    };
    const bySize = [{ column: 'size', descending: false }];
    const live = [{ column: 'live', op: 'eq', value: true }] as const;
    assert.equal(await holders('rare', {}), [3, 'k0007', 'k0507', 'k1007']);
    assert.equal(await holders('rare', { sort: bySize }), [3, 'k1007', 'k0507', 'k0007']);
    assert.equal(await holders('rare', { sort: bySize, where: live, after: [-507, 'k0507'] }), [3, 'k0007']);
    assert.equal(await holders('many', {}), [1200, 'k0000', 'k0001', 'k0002', 'k0003', 'k0004']);
    assert.equal(await holders('many', { after: ['k1197'] }), [1200, 'k1198', 'k1199']);
    assert.equal(await holders('many', { sort: [{ column: 'id', descending: true }], after: ['k0001', 'k0001'] }), [
      1200,
      'k0000',
    ]);
    assert.equal(await holders('many', { sort: bySize }), [1200, 'k1199', 'k1198', 'k1197', 'k1196', 'k1195']);
    assert.equal(await holders('many', { sort: bySize, where: live, after: [-1, 'k0001'] }), [1200, 'k0000']);
    assert.equal(await holders('nobody', { sort: bySize }), [0]);
  });

  test('sorts null lowest both ways, ties by id in the direction of the last column', async () => {
    await filled([
      set('a', { size: 1, name: 'n' }),
      set('b', { size: null, name: 'n' }),
      set('c', { size: 1 }),
      set('d', { name: 'm' }),
      set('e', { size: 0 }),
    ]);
    const sorted = (...sort: [string, boolean][]) =>
      ids({ sort: sort.map(([column, descending]) => ({ column, descending })) });
    assert.equal(await sorted(), ['a', 'b', 'c', 'd', 'e']);
    assert.equal(await sorted(['id', true]), ['e', 'd', 'c', 'b', 'a']);
    assert.equal(await sorted(['size', false]), ['b', 'd', 'e', 'a', 'c']);
    assert.equal(await sorted(['size', true]), ['c', 'a', 'e', 'd', 'b']);
    assert.equal(await sorted(['size', true], ['name', false]), ['c', 'a', 'e', 'd', 'b']);
    assert.equal(await sorted(['size', false], ['name', true]), ['b', 'd', 'e', 'a', 'c']);
  });

  test('is not changed through what it was given or gave', async () => {
    const tags = ['p'];
    await filled([set('a', { tags, more: { deep: 1 } })]);
    tags.push('q');
    const got = await lists.get(build.id, 'a');
    (got!.tags as string[]).push('r');
    assert.equal(await lists.get(build.id, 'a'), { id: 'a', tags: ['p'], more: { deep: 1 } });
  });

  test('keeps bytes by name, large and empty ones too', async () => {
    const bytes = (length: number, seed: number) => Uint8Array.from({ length }, (_, at) => (at * 31 + seed) % 251);
    const large = bytes(2_500_000, 1);
    await lists.putBlob('fold/a', large);
    await lists.putBlob('fold/b', new Uint8Array());
    await lists.putBlob('index', bytes(10, 2));
    assert.ok(Buffer.from(large).equals((await lists.getBlob('fold/a'))!), 'the caller keeps its bytes, and gets them');
    assert.equal([...(await lists.getBlob('fold/b'))!], []);
    assert.is(await lists.getBlob('fold'), null);
    await lists.putBlob('fold/a', bytes(5, 3));
    assert.equal([...(await lists.getBlob('fold/a'))!], [...bytes(5, 3)]);
    await lists.removeBlobs('fold/');
    assert.is(await lists.getBlob('fold/a'), null);
    assert.is(await lists.getBlob('fold/b'), null);
    assert.equal([...(await lists.getBlob('index'))!], [...bytes(10, 2)]);
    await lists.removeBlobs('');
    assert.is(await lists.getBlob('index'), null);
  });

  test('gives one of two blobs of a name, whole, while they are written', async () => {
    const blob = (fill: number) => new Uint8Array(1_200_000).fill(fill);
    await lists.putBlob('a', blob(0));
    const writing = Promise.all([lists.putBlob('a', blob(1)), lists.putBlob('a', blob(2))]);
    const seen = await Promise.all(Array.from({ length: 5 }, () => lists.getBlob('a')));
    await writing;
    for (const bytes of [...seen, await lists.getBlob('a')]) {
      assert.is(bytes!.length, 1_200_000);
      assert.is(new Set(bytes!).size, 1);
    }
  });

  test('outlives its closing: documents, builds, parked streams, blobs', async () => {
    if (harness.reopen === null) return;
    await lists.apply(build.id, batch(1, [set('a', { owner: 'x', tags: ['p'], more: 1 })], { park: [parked('s')] }));
    await lists.markComplete(build.id);
    await lists.putBlob('fold', Uint8Array.of(1, 2));
    await lists.close();
    lists = await harness.reopen();
    assert.equal(await lists.builds(), [{ ...build, complete: true, checkpoint: checkpoint(1) }]);
    assert.equal(await lists.get(build.id, 'a'), { id: 'a', owner: 'x', tags: ['p'], more: 1 });
    assert.equal(await lists.parked(build.id), [parked('s')]);
    assert.equal([...(await lists.getBlob('fold'))!], [1, 2]);
    assert.is(await lists.apply(build.id, batch(2, [set('a', { size: 1 })])), true);
    assert.not.equal((await lists.createBuild(schema, false)).id, build.id);
    await lists.close();
  });

  test('says that it is closed', async () => {
    await lists.close();
    for (const call of [
      () => lists.get(build.id, 'a'),
      () => lists.builds(),
      () => lists.apply(build.id, batch(1, [])),
    ]) {
      assert.ok(failedWith(await failure(call), 'store-unavailable'));
    }
  });

  test.run();
};

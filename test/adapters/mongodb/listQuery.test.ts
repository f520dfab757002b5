// time limit: 40 min
import { MongoClient } from 'mongodb';
import * as assert from 'uvu/assert';
import { columnField, indexesOf } from '../../../adapters/mongodb/listDocument.ts';
import { filterOf, rangesOf } from '../../../adapters/mongodb/listQuery.ts';
import { openLists } from '../../../adapters/mongodb/lists.ts';
import type { Checkpoint, Condition, Lists, Query, Sort } from '../../../commands/ports/lists.ts';
import { instant } from '../../../domain/instant.ts';
import { apiKeysSchema } from '../../../projections/lists/apiKeys.ts';
import { type KeyFilter, keySorts, keysWhere } from '../../../projections/lists/keyFilter.ts';
import { dueToExpire, keysOf, willExpire } from '../../../projections/lists/keyStatus.ts';
import { noMongo, noRealMongo, sharedMongo } from '../../servers/mongodb.ts';
import { full } from '../../support/full.ts';
import { suite } from '../../support/suite.ts';

const now = instant(Date.UTC(2027, 0, 1));

/** Each filter of the contract, by itself. */
const filters: { readonly [name in keyof Required<KeyFilter>]: KeyFilter } = {
  owner: { owner: 'u1' },
  ownerStatus: { ownerStatus: ['deactivated'] },
  role: { role: 'editor' },
  group: { group: 'g' },
  organization: { organization: 'o' },
  status: { status: ['active'] },
  q: { q: 'ci' },
  scope: { scope: 'streams:read' },
  createdBy: { createdBy: 'u1' },
  createdIp: { createdIp: '::1' },
  lastUsedIp: { lastUsedIp: '::1' },
  createdBefore: { createdBefore: now },
  createdAfter: { createdAfter: now },
  expiresBefore: { expiresBefore: now },
  expiresAfter: { expiresAfter: now },
  unusedSince: { unusedSince: now },
  neverExpires: { neverExpires: true },
  ids: { ids: ['k1', 'k2'] },
};

/** These are looked for on the way through the sort's index: a page ends when it is full. */
const passedOver: { readonly [name: string]: string } = {
  ownerStatus: 'nearly all owners have the same one, so an index would hold nearly all keys in one place',
  q: 'no index finds a part of a text',
  'role admin': 'a fact of two values',
};

const indexes = indexesOf(apiKeysSchema).map(({ key }) => Object.keys(key));
const heads = new Set([...indexes.map(([head]) => head!), '_id']);

/** Whether some index leads to what meets one of the conditions. */
const isLed = (where: readonly Condition[]): boolean =>
  where.some((condition) =>
    'any' in condition
      ? condition.any.length > 0 && condition.any.every(isLed)
      : condition.op !== 'present' && condition.op !== 'contains' && heads.has(columnField(condition.column)),
  );

const test = suite('lists: MongoDB: queries for keys');

test('every filter begins at an index, or says why not', () => {
  const cases = Object.entries({
    ...filters,
    'owner by address': { owner: 'ada@example.com' },
    'role admin': { role: 'admin' },
    'neverExpires, not': { neverExpires: false },
  });
  for (const [name, filter] of cases) {
    const where = keysWhere(filter, now, ['editor']).filter((one) => !('column' in one && one.column === 'kind'));
    const led = isLed(where) || name === 'neverExpires, not';
    assert.is(led, passedOver[name] === undefined, name);
  }
});

test('every sort is one index in its order, from the first document of each page on', () => {
  for (const column of [...Object.values(keySorts), 'id']) {
    for (const descending of [false, true]) {
      for (const after of [
        null,
        column === 'id' ? ['k', 'k'] : ['v', 'k'],
        column === 'id' ? ['k', 'k'] : [null, 'k'],
      ]) {
        const query: Query = { where: keysWhere({}, now), sort: [{ column, descending }], after, limit: 50 };
        for (const { sort, filter } of rangesOf(query)) {
          const fields = Object.keys(sort);
          assert.is(new Set(Object.values(sort)).size, 1);
          const index = fields[0] === '_id' ? ['_id'] : indexes.find((one) => one.join() === fields.join());
          assert.ok(index, fields.join());
          // The bounds: some columns equal, then a range of the next.
          const bounds = (filter.$and as object[]).slice(2).map((bound) => Object.keys(bound)[0]!);
          assert.equal(bounds, index!.slice(0, bounds.length));
        }
      }
    }
  }
});

test('what the workers ask for begins at an index', () => {
  for (const where of [dueToExpire(now), willExpire(now), keysOf('u1', 'active', now)]) assert.ok(isLed(where));
});

test.run();

const mongo = sharedMongo();

const id = (n: number) => `k${String(n).padStart(6, '0')}`;
const time = (n: number) => instant(Date.UTC(2026, 0, 1) + n * 1000);
const fieldsOf = (n: number, keys: number) => ({
  kind: 'key',
  ownerId: `u${n % 400}`,
  ownerEmail: `u${n % 400}@example.com`,
  ownerDisplayName: `Owner ${n % 400}`,
  ownerStatus: n % 400 === 3 ? 'deactivated' : 'active',
  ownerAdministrator: n % 400 === 5,
  ownerRoles: n % 2 === 0 ? ['editor'] : [],
  ownerGroups: n % 50 === 0 ? ['g'] : [],
  ownerOrganizations: n % 40 === 0 ? ['o'] : [],
  name: n % 97 === 0 ? 'for CI' : 'other',
  scopes: n % 3 === 0 ? ['streams:read'] : null,
  createdAt: time((n * 7919) % keys),
  createdById: `u${n % 300}`,
  createdIp: n % 200 === 0 ? '::1' : '::2',
  expiresAt: n % 4 === 0 ? null : time(keys + (n % 500)),
  endsAt: n % 4 === 0 ? null : time(keys + (n % 500)),
  revokedAt: n % 10 === 0 ? time(keys) : null,
  lastUsedAt: n % 5 === 0 ? null : time(n % 5000),
  lastUsedIp: n % 100 === 0 ? '::1' : '::2',
});
type Key = ReturnType<typeof fieldsOf> & { readonly id: string };
/** The same filters, as plainly as can be. */
const expectedOf = (keys: number): { readonly [name: string]: readonly [KeyFilter, (key: Key) => boolean] } => ({
  none: [{}, () => true],
  owner: [{ owner: 'u1' }, (key) => key.ownerId === 'u1'],
  address: [{ owner: 'u1@example.com' }, (key) => key.ownerId === 'u1'],
  ownerStatus: [filters.ownerStatus, (key) => key.ownerStatus === 'deactivated'],
  role: [filters.role, (key) => key.ownerRoles.includes('editor')],
  admin: [{ role: 'admin' }, (key) => key.ownerAdministrator],
  group: [filters.group, (key) => key.ownerGroups.includes('g')],
  organization: [filters.organization, (key) => key.ownerOrganizations.includes('o')],
  status: [{ status: ['revoked'] }, (key) => key.revokedAt !== null],
  q: [filters.q, (key) => key.name === 'for CI'],
  scope: [filters.scope, (key) => (key.scopes ? true : key.ownerRoles.includes('editor'))],
  createdBy: [filters.createdBy, (key) => key.createdById === 'u1'],
  createdIp: [filters.createdIp, (key) => key.createdIp === '::1'],
  lastUsedIp: [filters.lastUsedIp, (key) => key.lastUsedIp === '::1'],
  createdBefore: [{ createdBefore: time(300) }, (key) => key.createdAt < time(300)],
  createdAfter: [{ createdAfter: time(keys - 300) }, (key) => key.createdAt > time(keys - 300)],
  expiresBefore: [
    { expiresBefore: time(keys + 30) },
    (key) => key.expiresAt !== null && key.expiresAt < time(keys + 30),
  ],
  expiresAfter: [{ expiresAfter: time(keys + 470) }, (key) => (key.expiresAt ?? '') > time(keys + 470)],
  unusedSince: [{ unusedSince: time(200) }, (key) => (key.lastUsedAt ?? key.createdAt) < time(200)],
  neverExpires: [filters.neverExpires, (key) => key.expiresAt === null],
  ids: [{ ids: [id(1), id(2), 'none'] }, (key) => key.id === id(1) || key.id === id(2)],
});

const sorted = (column: keyof Key, descending: boolean) => (a: Key, b: Key) => {
  const order = compared(a[column] as string | null, b[column] as string | null) || compared(a.id, b.id);
  return descending ? -order : order;
};
const compared = (a: string | null, b: string | null) => {
  if (a === b) return 0;
  return a === null || (b !== null && a < b) ? -1 : 1;
};

/** Page after page, each begun where the one before ended. */
const paged = async (lists: Lists, build: string, where: readonly Condition[], sort: Sort, limit: number) => {
  const ids: string[] = [];
  for (let after: Query['after'] = null; ; ) {
    const page = await lists.query(build, { where, sort: [sort], after, limit });
    ids.push(...page.map((key) => key.id));
    if (page.length < limit) return ids;
    after = [page.at(-1)![sort.column] ?? null, page.at(-1)!.id];
  }
};

const sorts: readonly Sort[] = Object.values(keySorts).flatMap((column) => [
  { column, descending: false },
  { column, descending: true },
]);

/** Every sort without a filter, and every filter in one of the sorts, in so many pages each. */
const pageThrough = async (keys: number, pagesEach: number): Promise<void> => {
  const everyKey = Array.from({ length: keys }, (_, n): Key => ({ id: id(n), ...fieldsOf(n, keys) }));
  const meant = (holds: (key: Key) => boolean, { column, descending }: Sort) =>
    everyKey
      .filter(holds)
      .toSorted(sorted(column as keyof Key, descending))
      .map((key) => key.id);
  const database = mongo.database();
  const lists = await openLists({ url: await mongo.url(), database });
  const build = await lists.createBuild(apiKeysSchema, true);
  for (let from = 0, after: Checkpoint | null = null; from < keys; from += 1_000) {
    const changes = everyKey.slice(from, from + 1_000).map(({ id, ...fields }) => ({ op: 'set' as const, id, fields }));
    const checkpoint: Checkpoint = { position: id(from), eventId: id(from) };
    const applied = [{ stream: 's', revision: from, changes }];
    assert.ok(await lists.apply(build.id, { after, checkpoint, applied, waiting: [], park: [], unpark: [] }));
    after = checkpoint;
  }

  const none = keysWhere({}, now);
  const sizeFor = (count: number) => Math.ceil((count + 1) / pagesEach);
  for (const sort of sorts)
    assert.equal(
      await paged(lists, build.id, none, sort, sizeFor(keys)),
      meant(() => true, sort),
    );
  for (const [at, [name, [filter, holds]]] of Object.entries(expectedOf(keys)).entries()) {
    const where = keysWhere(filter, time(keys), ['editor']);
    const count = everyKey.filter(holds).length;
    assert.ok(count > 0, name);
    const sort = sorts[at % sorts.length]!;
    const found = await paged(lists, build.id, where, sort, sizeFor(count));
    assert.equal(found, meant(holds, sort), `${name} by ${sort.column} ${sort.descending}`);
  }
  await lists.close();
  await mongo.drop(database);
};

const pages = suite('lists: MongoDB: many keys');
pages.skipUnless(noMongo);
pages.after(mongo.stop);
pages('500 of them are paged through in every sort and by every filter', () => pageThrough(500, 3));
pages.run();

const asked = noRealMongo === null || full;
const more = suite('lists: MongoDB: very many keys');
more.skipUnless(
  noMongo ?? (asked ? null : 'FerretDB looks at every key for each page; KEYLEDGER_TEST_FULL=1 has it do so'),
);
more.after(mongo.stop);
more('20,000 of them are paged through in every sort and by every filter', () => pageThrough(20_000, 2));
more.run();

const explained = suite('lists: MongoDB: what it says it does');
explained.skipUnless(noRealMongo);
explained.after(mongo.stop);

explained('a page is read from an index without sorting', async () => {
  const database = mongo.database();
  const url = await mongo.url();
  const lists = await openLists({ url, database });
  const build = await lists.createBuild(apiKeysSchema, true);
  const client = new MongoClient(url);
  const documents = client.db(database).collection('list-1');
  for (const column of Object.values(keySorts)) {
    for (const after of [null, ['v', 'k'], [null, 'k']]) {
      const query: Query = { where: keysWhere({}, now), sort: [{ column, descending: true }], after, limit: 50 };
      for (const { filter, sort } of rangesOf(query)) {
        const plan = JSON.stringify(
          (await documents.find(filter).sort(sort).limit(50).explain()).queryPlanner.winningPlan,
        );
        assert.match(plan, 'IXSCAN');
        assert.not.match(plan, '"SORT"');
      }
    }
  }
  const byOwner = await documents.find(filterOf(keysWhere({ owner: 'u1' }, now))).explain();
  assert.match(JSON.stringify(byOwner.queryPlanner.winningPlan), 'IXSCAN');
  await client.close();
  await lists.dropBuild(build.id);
  await lists.close();
  await mongo.drop(database);
});
explained.run();

import fc from 'fast-check';
import * as assert from 'uvu/assert';
import type { Condition, Document } from '../../../commands/ports/lists.ts';
import { instant, plusSeconds } from '../../../domain/instant.ts';
import { eventsWhere, storedEvent } from '../../../projections/lists/auditEvents.ts';
import { type KeyFilter, keysWhere } from '../../../projections/lists/keyFilter.ts';
import { type ListedKey, listedKey } from '../../../projections/lists/listedKey.ts';
import { type ListedUser, listedUser, type UserFilter, usersWhere } from '../../../projections/lists/users.ts';
import { bedWith, buildOf, documentsOf, fill } from '../../support/listsBed.ts';
import { suite } from '../../support/suite.ts';
import { someWorld } from '../../support/world.ts';

const test = suite('lists: filters');

const history = someWorld(260, 21);
const world = (async () => {
  const { bed, core } = await bedWith(history);
  await fill(bed, core);
  const keys = (await documentsOf(bed.lists, 'apiKeys')).filter(({ kind }) => kind === 'key');
  // Every third key was used, from one of two addresses.
  const uses = keys.flatMap(({ id, createdAt }, at) =>
    at % 3 === 0
      ? [{ id, fields: { lastUsedAt: plusSeconds(createdAt as string, at * 1_800), lastUsedIp: `192.0.2.${at % 2}` } }]
      : [],
  );
  await bed.lists.patch((await buildOf(bed.lists, 'apiKeys')).id, uses);
  const found = async (list: string, where: readonly Condition[]): Promise<readonly Document[]> =>
    bed.lists.query((await buildOf(bed.lists, list)).id, { where, sort: [], after: null, limit: 10_000 });
  const all = (await documentsOf(bed.lists, 'apiKeys')).filter(({ kind }) => kind === 'key').map(listedKey);
  return { bed, core, found, keys: all };
})();

const now = instant(Date.UTC(2027, 0, 5));
const hour = (at: number) => instant(Date.UTC(2027, 0, 1, at));
const holds = (text: string | null, part: string) => text?.toLowerCase().includes(part.toLowerCase()) ?? false;

/** What each filter means, said the other way: of one key, as it is shown. */
const meaning: { readonly [F in keyof KeyFilter]-?: (key: ListedKey, value: NonNullable<KeyFilter[F]>) => boolean } = {
  owner: (key, value) => key.ownerId === value || key.owner.email === value,
  ownerStatus: (key, values) => values.includes(key.owner.standing.status),
  role: (key, value) => key.owner.roles.includes(value),
  group: (key, value) => key.owner.groups.includes(value),
  organization: (key, value) => key.owner.organizations.includes(value),
  status: () => true,
  q: (key, value) =>
    key.keyId === value ||
    [key.name, key.description, key.mask, key.owner.displayName, key.owner.email].some((text) => holds(text, value)),
  scope: (key, value) => (key.scopes === null ? key.owner.roles.includes('ops') : key.scopes.includes(value)),
  createdBy: (key, value) => key.createdBy.id === value,
  createdIp: (key, value) => key.createdIp === value,
  lastUsedIp: (key, value) => key.lastUsedIp === value,
  createdBefore: (key, value) => key.createdAt < value,
  createdAfter: (key, value) => key.createdAt > value,
  expiresBefore: (key, value) => key.standing.expiresAt !== null && key.standing.expiresAt < value,
  expiresAfter: (key, value) => key.standing.expiresAt !== null && key.standing.expiresAt > value,
  unusedSince: (key, value) => key.createdAt < value && (key.lastUsedAt === null || key.lastUsedAt < value),
  neverExpires: (key, value) => (key.standing.expiresAt === null) === value,
  ids: (key, values) => values.includes(key.keyId),
};

const time = fc.nat(260).map(hour);
const anyFilter = fc.record(
  {
    owner: fc.constantFrom('u0', 'u1', 'u2@example.com', 'nobody'),
    ownerStatus: fc.subarray(['active', 'invited', 'deactivated', 'deleted', 'erased'], { minLength: 1 }),
    role: fc.constantFrom('member', 'ops', 'admin', 'none'),
    group: fc.constantFrom('g0', 'g1', 'g2'),
    organization: fc.constantFrom('o0', 'o1'),
    q: fc.constantFrom('KEY 1', 'renamed', 'api_2', 'example.com', 'first', 'k7', 'about'),
    scope: fc.constantFrom('app:read', 'app:write'),
    createdBy: fc.constantFrom('u0', 'u1', 'u2'),
    createdIp: fc.constantFrom('192.0.2.7', '192.0.2.8'),
    lastUsedIp: fc.constantFrom('192.0.2.0', '192.0.2.1'),
    createdBefore: time,
    createdAfter: time,
    expiresBefore: time,
    expiresAfter: time,
    unusedSince: time,
    neverExpires: fc.boolean(),
    ids: fc.subarray(['k3', 'k7', 'k11', 'k40'], { minLength: 1 }),
  },
  { noNullPrototype: true },
);

/** One, two or three of them: with more hardly a key is left. */
const filter: fc.Arbitrary<KeyFilter> = fc
  .tuple(anyFilter, fc.shuffledSubarray(Object.keys(meaning), { minLength: 1, maxLength: 3 }))
  .map(([all, names]) => Object.fromEntries(Object.entries(all).filter(([name]) => names.includes(name))));

test('every filter of keys, alone and with others, finds what it says', async () => {
  const { found, keys } = await world;
  assert.ok(keys.length > 40);
  const used = new Set<string>();
  await fc.assert(
    fc.asyncProperty(filter, async (wanted) => {
      const documents = await found('apiKeys', keysWhere(wanted, now, ['ops']));
      const expected = keys.filter((key) =>
        Object.entries(wanted).every(([name, value]) =>
          (meaning[name as keyof KeyFilter] as (key: ListedKey, value: unknown) => boolean)(key, value),
        ),
      );
      assert.equal(documents.map(({ id }) => id).sort(), expected.map(({ keyId }) => keyId).sort());
      if (expected.length > 0) for (const name of Object.keys(wanted)) used.add(name);
    }),
    { numRuns: 400 },
  );
  assert.equal(
    Object.keys(meaning).filter((name) => !used.has(name) && name !== 'status'),
    [],
  );
});

test('every filter of users finds what it says', async () => {
  const { found, bed } = await world;
  const users = (await documentsOf(bed.lists, 'users')).map(listedUser);
  const says: { readonly [F in keyof UserFilter]-?: (user: ListedUser, value: NonNullable<UserFilter[F]>) => boolean } =
    {
      q: (user, value) =>
        user.id === value ||
        [user.displayName, user.email, user.firstName, user.lastName].some((text) => holds(text, value)),
      status: (user, values) => values.includes(user.status),
      role: (user, value) => user.roles.includes(value),
      kind: (user, value) => user.kind === value,
    };
  const cases: readonly UserFilter[] = [
    {},
    { q: 'EXAMPLE' },
    { q: 'u1' },
    { status: ['active', 'invited'] },
    { status: ['deleted', 'erased'] },
    { role: 'admin' },
    { role: 'member' },
    { kind: 'human', role: 'ops' },
    { kind: 'service' },
  ];
  for (const wanted of cases) {
    const documents = await found('users', usersWhere(wanted));
    const expected = users.filter((user) =>
      Object.entries(wanted).every(([name, value]) =>
        (says[name as keyof UserFilter] as (user: ListedUser, value: unknown) => boolean)(user, value),
      ),
    );
    assert.equal(documents.map(({ id }) => id).sort(), expected.map(({ id }) => id).sort(), JSON.stringify(wanted));
  }
});

test('a user of whom only other streams have spoken is in no answer', async () => {
  const { bed, core } = await bedWith([
    {
      stream: 'roles',
      type: 'AdministratorGranted',
      at: hour(0),
      actor: { kind: 'cli', id: null },
      data: { userId: 'u9' },
    },
  ]);
  await fill(bed, core);
  const { id } = await buildOf(bed.lists, 'users');
  assert.is(await bed.lists.count(id, usersWhere({})), 0);
  assert.is(await bed.lists.count(id, usersWhere({ role: 'admin' })), 0);
});

test('events are found by subject, key, actor, type, time and place, exactly as the log has them', async () => {
  const { found, bed } = await world;
  const log = (await bed.store.readAll(null, 1_000)).events;
  const find = async (wanted: Parameters<typeof eventsWhere>[0]) =>
    (await found('auditEvents', eventsWhere(wanted))).map(storedEvent);
  assert.equal(await find({}), log);
  const rotated = log.find(({ type }) => type === 'ApiKeyRotated')!;
  const { keyId, newKeyId } = rotated.data as { keyId: string; newKeyId: string };
  for (const id of [keyId, newKeyId]) {
    const expected = log.filter(({ data }) => data.keyId === id || data.newKeyId === id);
    assert.equal(await find({ key: id }), expected);
    assert.equal(await find({ subject: `key:${id}` }), expected);
    assert.equal(await find({ subject: id }), expected);
  }
  const ofUser = log.filter(({ stream, data }) => /^(user|keyring|activity)-u1$/.test(stream) || data.userId === 'u1');
  assert.equal(await find({ subject: 'u1' }), ofUser);
  assert.equal(
    await find({ actor: 'u2' }),
    log.filter(({ metadata }) => metadata.actor.id === 'u2'),
  );
  assert.equal(
    await find({ type: ['ApiKeyRevoked', 'UserErased'], from: hour(20), to: hour(200) }),
    log.filter(
      ({ type, metadata }) =>
        ['ApiKeyRevoked', 'UserErased'].includes(type) && metadata.at >= hour(20) && metadata.at < hour(200),
    ),
  );
  assert.equal(await find({ correlation: log[5]!.metadata.correlationId }), [log[5]]);
  assert.equal(await find({ after: log.at(-3)!.position }), log.slice(-2));
});

test('the list of events holds nothing that is sealed in the log', async () => {
  const { bed } = await world;
  const text = JSON.stringify(await documentsOf(bed.lists, 'auditEvents'));
  for (const personal of ['example.com', '192.0.2.7', 'First ', 'renamed']) assert.not.match(text, personal);
});

test.run();
